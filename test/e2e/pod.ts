import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parseAllDocuments } from 'yaml';
import { hasEnded } from '../helpers/at-work.js';
import { type Finished, mainFile, run } from '../helpers/cli.js';
import { tmpdir } from '../helpers/tmp.js';
import { until } from '../helpers/until.js';

/** A container of a pod, as far as the example goes. */
export interface Container {
  name: string;
  image: string;
  args: string[];
  securityContext: {
    runAsUser: number;
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[]; add?: string[] };
    seccompProfile: { type: string };
  };
  volumeMounts: { name: string; mountPath: string }[];
  startupProbe?: { exec: { command: string[] } };
  readinessProbe?: { exec: { command: string[] } };
  livenessProbe?: { exec: { command: string[] } };
}

export interface PodSpec {
  hostNetwork: boolean;
  hostPID: boolean;
  terminationGracePeriodSeconds: number;
  priorityClassName: string;
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  initContainers: Container[];
  containers: Container[];
  volumes: { name: string; hostPath: { path: string; type: string } }[];
}

export interface Resource {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  [key: string]: unknown;
}

/** The resources of a manifest. @throws if it is not YAML, or warns of something */
export function parseManifest(text: string): Resource[] {
  return parseAllDocuments(text).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS() as Resource;
  });
}

/** A container of a pod that runs, or has run, by runc(8). */
export interface RunningContainer {
  /** what it has written */
  log(): string;
  /** Runs a command in it. */
  exec(command: readonly string[]): Promise<Finished>;
  /** Waits for its end. @returns its exit status */
  ended(): Promise<number | null>;
  /** Ends it by a signal. @returns its exit status */
  kill(signal: 'TERM' | 'KILL'): Promise<number | null>;
}

/**
 * Starts a container of a pod as the kubelet would have it: with its arguments, capabilities, volumes and namespaces, on a
 * root filesystem of this machine's programs, where `layerhook` is this package.
 */
export function startContainer(
  t: ExecutionContext<unknown>,
  pod: PodSpec,
  container: Container,
): RunningContainer {
  const bundle = tmpdir(t);
  const log = join(bundle, 'log');
  const id = `layerhook-${basename(bundle)}`;
  const runc = ['--root', join(bundle, 'state')];
  fillBundle(bundle, pod, container);
  const output = openSync(log, 'w');
  const child = spawn('runc', [...runc, 'run', '--bundle', bundle, id], {
    stdio: ['ignore', output, output],
  });
  t.teardown(() => run('runc', [...runc, 'delete', '--force', id]));
  const kill = async (signal: string) => {
    await run('runc', [...runc, 'kill', id, signal]);
    return ended(child);
  };
  return {
    log: () => readFileSync(log, 'utf8'),
    exec: (command) => run('runc', [...runc, 'exec', id, ...command]),
    ended: () => ended(child),
    kill,
  };
}

/** Waits until a container is ready by its probe. */
export async function untilReady(container: RunningContainer, { startupProbe }: Container): Promise<void> {
  const { command } = startupProbe!.exec;
  const isReady = async () => (await container.exec(command)).status === 0;
  await until('the probe succeeds', isReady, 200).catch((error: Error) => {
    throw new Error(`${error.message}\n${container.log()}`);
  });
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (!hasEnded(child)) await once(child, 'exit');
  return child.exitCode;
}

function fillBundle(bundle: string, pod: PodSpec, container: Container): void {
  const rootfs = join(bundle, 'rootfs');
  mkdirSync(join(rootfs, 'usr/local/bin'), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    if (existsSync(`/usr/${name}`)) symlinkSync(`usr/${name}`, join(rootfs, name));
  }
  const program = join(bundle, 'layerhook');
  writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${mainFile} "$@"\n`, { mode: 0o755 });
  const { securityContext } = container;
  const { add = [] } = securityContext.capabilities;
  const capabilities = add.map((name) => `CAP_${name}`);
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: securityContext.runAsUser, gid: 0 },
      args: ['layerhook', ...container.args],
      env: ['PATH=/layerhook:/usr/bin:/usr/sbin', 'NO_COLOR=1'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: securityContext.allowPrivilegeEscalation === false,
    },
    root: { path: 'rootfs', readonly: securityContext.readOnlyRootFilesystem },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
      readOnly('/usr'),
      readOnly(dirname(process.execPath)),
      readOnly(resolve('.')),
      readOnly(program, '/layerhook/layerhook'),
      ...container.volumeMounts.map(({ name, mountPath }) => ({
        destination: mountPath,
        type: 'bind',
        source: volume(pod, name),
        options: ['rbind', 'rprivate', 'rw'],
      })),
    ],
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'ipc' },
        { type: 'uts' },
        ...(pod.hostPID ? [] : [{ type: 'pid' }]),
        ...(pod.hostNetwork ? [] : [{ type: 'network' }]),
      ],
    },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
}

function readOnly(source: string, destination = source) {
  return { destination, type: 'bind', source, options: ['rbind', 'ro'] };
}

/** The directory of a volume, created for the type DirectoryOrCreate. */
function volume({ volumes }: PodSpec, name: string): string {
  const { path, type } = volumes.find((each) => each.name === name)!.hostPath;
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 });
  return path;
}
