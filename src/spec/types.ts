import type { IdRange } from '../layer/types.js';

/** The parts of a runtime-spec config.json that layerhook writes; config.md and config-linux.md. */
export interface RuntimeSpec {
  [unknown: string]: unknown;
  ociVersion: string;
  process: Process;
  root: { path: string; readonly?: boolean };
  hostname: string;
  mounts: Mount[];
  annotations: Record<string, string>;
  linux: Linux;
}

export interface Process {
  terminal: boolean;
  user: User;
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Record<string, string[]>;
  rlimits: { type: string; hard: number; soft: number }[];
  noNewPrivileges: boolean;
}

export interface User {
  uid: number;
  gid: number;
  additionalGids?: number[];
}

export interface Mount {
  destination: string;
  type: string;
  source: string;
  options?: string[];
}

export interface Linux {
  uidMappings?: IdRange[];
  gidMappings?: IdRange[];
  resources?: { devices: { allow: boolean; access: string }[] };
  namespaces: { type: string }[];
  maskedPaths: string[];
  readonlyPaths: string[];
}
