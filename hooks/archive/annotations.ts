import type { Logger } from 'layerhook';

/** One archive that annotations ask for. */
export interface Archive {
  name: string;
  mountPoint: string;
  archiveTo: string;
  /** path of an empty file that says that the archive is there; '': none */
  success: string;
  method: string;
  whiteout: string;
  /** `UID`, `UID:GID` or '' */
  owner: string;
}

export const annotationPrefix = 'com.launchplatform.oci-hooks.archive-overlay.';

const methods = ['copy', 'tar', 'tar.gz', 'tar.zst', 'oci'];
const whiteouts = ['overlay', 'oci'];

/** How each argument is read: what is wrong with it, or nothing. */
const fields: Record<string, { field: keyof Archive; problem?: (value: string) => string | null }> = {
  'mount-point': { field: 'mountPoint' },
  'archive-to': { field: 'archiveTo' },
  success: { field: 'success' },
  method: { field: 'method' },
  whiteout: { field: 'whiteout', problem: (value) => isOneOf(value, whiteouts) },
  'tar-content-owner': { field: 'owner', problem: ownerProblem },
};

/** Reads the annotations that begin with {@link annotationPrefix}; what is wrong is warned of and ignored. */
export function readAnnotations(annotations: Readonly<Record<string, string>>, log: Logger): Archive[] {
  const archives = new Map<string, Archive>();
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
  return names.map((name) => archives.get(name)!).filter((archive) => isWhole(archive, log));
}

function empty(name: string): Archive {
  return { name, mountPoint: '', archiveTo: '', success: '', method: '', whiteout: 'overlay', owner: '' };
}

function isWhole(archive: Archive, log: Logger): boolean {
  const { name, mountPoint, archiveTo, method } = archive;
  if (mountPoint === '') log.warn(`Empty mount-point argument value for archive ${name}, ignored`);
  if (archiveTo === '') log.warn(`Empty archive-to argument value for archive ${name}, ignored`);
  const problem = method === '' ? null : isOneOf(method, methods);
  if (problem !== null) log.warn(`Invalid method argument for archive ${name}: ${problem}, ignored`);
  archive.method = method || 'copy';
  return mountPoint !== '' && archiveTo !== '' && problem === null;
}

function isOneOf(value: string, known: string[]): string | null {
  return known.includes(value) ? null : `${JSON.stringify(value)} is none of ${known.join(', ')}`;
}

/** Ids are 32 bits wide; the highest means none to chown(2). */
function ownerProblem(value: string): string | null {
  const isOwner = /^\d+(?::\d+)?$/.test(value) && value.split(':').every((id) => Number(id) < 0xffffffff);
  return isOwner ? null : `${JSON.stringify(value)} is not UID or UID:GID, in numbers`;
}
