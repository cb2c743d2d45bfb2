import type { ArchiveMethod, ArchiveWhiteout, Logger } from 'layerhook';

/** One archive that annotations request. */
export interface Archive {
  name: string;
  mountPoint: string;
  archiveTo: string;
  /** path of an empty file, made once the archive is complete; '' for none */
  success: string;
  method: ArchiveMethod;
  whiteout: ArchiveWhiteout;
  /** `UID`, `UID:GID` or '' */
  owner: string;
}

const annotationPrefix = 'com.launchplatform.oci-hooks.archive-overlay.';

const methods: readonly ArchiveMethod[] = ['copy', 'tar', 'tar.gz', 'tar.zst', 'oci'];
const whiteouts: readonly ArchiveWhiteout[] = ['overlay', 'oci'];

/** The arguments: their field, and a check that returns what is wrong with a value, or null. */
const fields: Record<string, { field: keyof Archive; problem?: (value: string) => string | null }> = {
  'mount-point': { field: 'mountPoint' },
  'archive-to': { field: 'archiveTo' },
  success: { field: 'success' },
  method: { field: 'method' },
  whiteout: { field: 'whiteout', problem: (value) => isOneOf(value, whiteouts) },
  'tar-content-owner': { field: 'owner', problem: ownerProblem },
};

/** Reads the annotations that begin with {@link annotationPrefix}. Malformed ones are ignored with a warning. */
export function readAnnotations(annotations: Readonly<Record<string, string>>, log: Logger): Archive[] {
  const archives = new Map<string, Draft>();
  for (const [key, value] of Object.entries(annotations)) {
    if (!key.startsWith(annotationPrefix)) continue;
    const [name = '', ...rest] = key.slice(annotationPrefix.length).split('.');
    const argument = rest.join('.');
    const known = Object.hasOwn(fields, argument) ? fields[argument] : undefined;
    if (name === '' || known === undefined) {
      log.warn(`Invalid archive argument ${argument} for archive ${name}, ignored`);
      continue;
    }
    const problem = known.problem?.(value) ?? null;
    if (problem !== null) {
      log.warn(`Invalid ${argument} argument for archive ${name}: ${problem}, ignored`);
      continue;
    }
    const archive = archives.get(name) ?? empty(name);
    archives.set(name, { ...archive, [known.field]: value });
  }
  const names = [...archives.keys()].sort();
  return names.map((name) => finish(archives.get(name)!, log)).filter((archive) => archive !== null);
}

/** An archive whose arguments are still being read. */
type Draft = Omit<Archive, 'method'> & { method: string };

function empty(name: string): Draft {
  return { name, mountPoint: '', archiveTo: '', success: '', method: 'copy', whiteout: 'overlay', owner: '' };
}

/** @returns null for an archive that lacks an argument or names an unknown method */
function finish(draft: Draft, log: Logger): Archive | null {
  const { name, mountPoint, archiveTo } = draft;
  if (mountPoint === '') log.warn(`Empty mount-point argument value for archive ${name}, ignored`);
  if (archiveTo === '') log.warn(`Empty archive-to argument value for archive ${name}, ignored`);
  const method = methods.find((known) => known === (draft.method || 'copy'));
  if (method === undefined) {
    const problem = isOneOf(draft.method, methods);
    log.warn(`Invalid method argument for archive ${name}: ${problem}, ignored`);
  }
  return mountPoint !== '' && archiveTo !== '' && method !== undefined ? { ...draft, method } : null;
}

function isOneOf(value: string, known: readonly string[]): string | null {
  return known.includes(value) ? null : `${JSON.stringify(value)} must be one of ${known.join(', ')}`;
}

/** IDs have 32 bits. For chown(2) the highest means unchanged. */
function ownerProblem(value: string): string | null {
  const isOwner = /^\d+(?::\d+)?$/.test(value) && value.split(':').every((id) => Number(id) < 0xffffffff);
  return isOwner ? null : `${JSON.stringify(value)} is not UID or UID:GID, in numbers`;
}
