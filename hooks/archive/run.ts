import { LayerhookError, reasonOf } from 'layerhook';
import { identityOfPath } from 'layerhook/system';
import { type Archive, readAnnotations } from './annotations.js';
import { type Container, readContainer, writablePaths } from './container.js';
import { fingerprint } from './fingerprint.js';
import { type Means, makeArchive } from './one.js';
import { type ArchiveRecord, type ContainerRecord, hash } from './records.js';
import { show } from './show.js';
import { findOverlay } from './upperdir.js';

export interface RunOptions extends Means {
  mountProgram: string;
}

/**
 * Makes every archive that a stopped container's annotations request, even if others fail.
 *
 * @param state of the container, from the OCI runtime
 * @returns the number of archives that failed
 * @throws LayerhookError ARCHIVE_CONTAINER
 */
export async function archiveContainer(state: string, options: RunOptions): Promise<number> {
  const { records, signal, log } = options;
  const container = readContainer(state);
  const archives = readAnnotations(container.annotations, log);
  log.debug('Parsed archives', { archives });
  if (archives.length === 0) return 0;
  if (records === null) return new Run(container, options).run(archives);
  const name = records.nameOf(container);
  return records.locked(name, signal, async () => {
    const failed = await new Run(container, options, name).run(archives);
    records.prune();
    return failed;
  });
}

class Run {
  readonly #container: Container;
  readonly #options: RunOptions;
  /** name of the record; undefined if records cannot be written */
  readonly #name: string | undefined;
  readonly #record: ContainerRecord;

  constructor(container: Container, options: RunOptions, name?: string) {
    this.#container = container;
    this.#options = options;
    this.#name = name;
    const { id, started } = container;
    const known = name === undefined ? null : options.records!.read(name);
    this.#record = known ?? { version: 1, container: id, started, archives: {} };
  }

  async run(archives: Archive[]): Promise<number> {
    let failed = 0;
    const wanted: string[] = [];
    for (const archive of archives) {
      try {
        const key = this.#want(archive, wanted);
        if (key !== null) wanted.push(key);
      } catch (error) {
        failed += 1;
        report(archive.name, error, this.#options);
      }
    }
    // from here on, an interrupted hook leaves a record of the missing archives
    this.#save();
    for (const key of wanted)
      failed += (await attempt(this.#record, key, this.#options, () => this.#save())) ? 0 : 1;
    return failed;
  }

  /** Records that an archive is wanted. @returns its key, or null if it was made before */
  #want(archive: Archive, others: string[]): string | null {
    const { name, mountPoint, archiveTo: destination, method, whiteout, owner, success } = archive;
    const { id, started, state } = this.#container;
    const { log } = this.#options;
    const overlay = findOverlay(mountPoint, this.#container, this.#options);
    const key = this.#keyOf(archive, overlay.upperdir);
    if (key === null || this.#record.archives[key]?.status === 'done') {
      log.info(`Archive ${name} of container ${id} was made already`, { started });
      if (key !== null) this.#options.records?.release(key, destination);
      return null;
    }
    const twice = others.map((other) => this.#record.archives[other]!.request);
    if (method !== 'oci' && twice.some((other) => other.destination === destination)) {
      const reason = 'another archive of this container has the same path';
      const expected = 'name a different path for each archive';
      throw new LayerhookError('ARCHIVE_DESTINATION', { path: destination, reason, expected });
    }
    const asked = { state, name, key, mountPoint, destination, method, whiteout, owner };
    const request = { ...asked, ...overlay, containerPaths: writablePaths(this.#container) };
    const lowerdirIds = overlay.lowerdirs.map((path) => identityOfPath(path) ?? '');
    const tries = this.#record.archives[key]?.tries ?? 0;
    const at = new Date().toISOString();
    this.#record.archives[key] = { status: 'wanted', request, success, lowerdirIds, tries, at };
    return key;
  }

  /** @returns null if the archive was made and the upperdir was removed after that */
  #keyOf({ name, archiveTo }: Archive, upperdir: string): string | null {
    const { id, started } = this.#container;
    if (identityOfPath(upperdir) !== null)
      return hash([id, started, name, archiveTo, fingerprint(upperdir)].join('\0'));
    const made = Object.values(this.#record.archives).some(
      ({ request, status }) => request.name === name && request.upperdir === upperdir && status === 'done',
    );
    return made ? null : hash([id, started, name, archiveTo].join('\0'));
  }

  #save(): void {
    if (this.#name === undefined) return;
    try {
      this.#options.records!.write(this.#name, this.#record);
    } catch (error) {
      this.#options.log.warn(`Cannot record results: ${reasonOf(error)}`);
    }
  }
}

/** Makes an archive of a record, and records the result. @returns true on success */
export async function attempt(
  record: ContainerRecord,
  key: string,
  means: Means,
  save: () => void,
): Promise<boolean> {
  const { error: _, ...archive } = record.archives[key] as ArchiveRecord;
  const tries = archive.tries + 1;
  const note = (more: Pick<ArchiveRecord, 'status'> & Partial<ArchiveRecord>) => {
    record.archives[key] = { ...archive, tries, at: new Date().toISOString(), ...more };
    save();
  };
  try {
    const { bytes, entries } = await makeArchive(archive, means);
    note({
      status: 'done',
      ...(bytes !== undefined && { bytes }),
      ...(entries !== undefined && { entries }),
    });
    means.records?.releaseAll(archive.request.destination);
    return true;
  } catch (error) {
    report(archive.request.name, error, means);
    note({ status: 'failed', error: reasonOf(error) });
    return false;
  }
}

function report(name: string, error: unknown, { log }: Pick<Means, 'log'>): void {
  log.error(`Archive ${name} failed: ${show(error)}`);
}
