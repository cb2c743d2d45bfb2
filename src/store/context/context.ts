import { LayerhookError } from '../../errors/index.js';
import type { Database } from '../metadata/database.js';
import type { ContentRecord, NameRecord } from '../metadata/record-types.js';
import { findContent, getName } from '../metadata/records.js';
import type { Reader } from '../metadata/transaction.js';
import type { Durability } from '../types.js';
import type { Directories } from './directories.js';
import type { ErofsMounts } from './erofs-mounts.js';
import type { Lease } from './lease.js';
import type { TreeWork } from './tree-work.js';

/** The parts of an open store that its operations use. */
export interface Context {
  db: Database;
  directories: Directories;
  trees: TreeWork;
  client: string;
  durability: Durability;
  /** ID of the current boot */
  boot: string;
  lease: Lease;
  erofs: ErofsMounts;
  /** mount options of every overlay */
  overlayFlags: string[];
  /** True if mounts of untrusted content are refused. */
  requireTrust: boolean;
}

/** @throws LayerhookError SNAPSHOT_NOT_FOUND */
export function requireName(reader: Reader, client: string, name: string): NameRecord {
  const record = getName(reader, client, name);
  if (record === undefined) throw new LayerhookError('SNAPSHOT_NOT_FOUND', { name });
  return record;
}

/** @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_PRECONDITION */
export function requireCommitted(reader: Reader, client: string, name: string): void {
  if (requireName(reader, client, name).kind === 'committed') return;
  throw new LayerhookError('SNAPSHOT_PRECONDITION', { name, reason: 'it is not a committed snapshot' });
}

/** A snapshot with its name. */
export interface Named extends NameRecord {
  name: string;
}

/** Returns a snapshot and all its ancestors, highest first. @throws LayerhookError SNAPSHOT_NOT_FOUND, SNAPSHOT_BROKEN */
export function chainOf(reader: Reader, client: string, name: string): Named[] {
  const chain: Named[] = [];
  for (let at = name; at !== ''; ) {
    const record = chain.length === 0 ? requireName(reader, client, at) : getName(reader, client, at);
    if (record === undefined) {
      throw new LayerhookError('SNAPSHOT_BROKEN', {
        name: at,
        reason: 'its record in the metadata is missing',
      });
    }
    chain.push({ ...record, name: at });
    at = record.parent;
  }
  return chain;
}

/**
 * True if a committed content is trusted by its record: not marked damaged, and written under this boot or flushed to
 * disk since.
 */
export function isTrusted({ boot, durability }: Context, content: ContentRecord): boolean {
  if (content.damaged !== undefined) return false;
  return durability === 'none' || content.flushed || content.boot === boot;
}

/** True if a committed content is trusted and its directory exists. */
export function isUsable(context: Context, reader: Reader, content: string): boolean {
  const record = findContent(reader, content);
  if (record === undefined || !isTrusted(context, record)) return false;
  return context.directories.whyMissing(content, record) === undefined;
}

/** Returns the labels to store: without the empty ones, as in containerd's metadata. */
export function keptLabels(labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}
