import { fromJSON, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { PreciseDate, preciseTime } from '../store/precise-date.js';
import type { Info, Kind, Mount, Usage } from '../store/types.js';
import { schema, serviceName } from './schema.js';

interface Timestamp {
  seconds: number;
  nanos: number;
}

/** The wire format of a snapshot. */
export interface InfoMessage {
  name: string;
  parent: string;
  kind: string;
  createdAt?: Timestamp | null;
  updatedAt?: Timestamp | null;
  labels: Record<string, string>;
}

export interface Requests {
  Prepare: { key: string; parent: string; labels: Record<string, string> };
  View: Requests['Prepare'];
  Mounts: { key: string };
  Commit: { name: string; key: string; parent: string; labels: Record<string, string> };
  Remove: { key: string };
  Stat: { key: string };
  Update: { info?: InfoMessage | null; updateMask?: { paths: string[] } | null };
  List: { filters: string[] };
  Usage: { key: string };
  Cleanup: object;
}

export interface Responses {
  Prepare: { mounts: Mount[] };
  View: Responses['Prepare'];
  Mounts: Responses['Prepare'];
  Commit: object;
  Remove: object;
  Stat: { info: InfoMessage };
  Update: { info: InfoMessage };
  /** one message of a stream */
  List: { info: InfoMessage[] };
  Usage: Usage;
  Cleanup: object;
}

export type Method = keyof Requests;

/** Returns the service definition for @grpc/grpc-js: methods and how to read and write their messages. */
export function loadService(): { [M in Method]: MethodDefinition<object, object> } {
  const definitions = fromJSON(schema, { longs: Number, enums: String, defaults: true });
  return definitions[serviceName] as ServiceDefinition as { [M in Method]: MethodDefinition<object, object> };
}

export function infoToMessage({ kind, created, updated, ...info }: Info): InfoMessage {
  return {
    ...info,
    kind: kind.toUpperCase(),
    createdAt: timestampOf(created),
    updatedAt: timestampOf(updated),
  };
}

export function infoOfMessage({ name, parent, kind, createdAt, updatedAt, labels }: InfoMessage): Info {
  return {
    kind: kind.toLowerCase() as Kind,
    name,
    parent,
    labels,
    created: dateOf(createdAt),
    updated: dateOf(updatedAt),
  };
}

function timestampOf(date: Date): Timestamp {
  const time = preciseTime(date);
  const seconds = Math.floor(time / 1000);
  return { seconds, nanos: Math.floor((time - seconds * 1000) * 1e6) };
}

function dateOf(timestamp: Timestamp | null | undefined): Date {
  return new PreciseDate(timestamp ? timestamp.seconds * 1000 + timestamp.nanos / 1e6 : 0);
}
