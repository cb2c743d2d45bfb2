import { containerd } from './containerd.js';
import { crio } from './crio.js';
import { docker } from './docker.js';
import type { EngineFormat, EngineName } from './types.js';

export const engines: Readonly<Record<EngineName, EngineFormat>> = { docker, containerd, crio };

export const engineNames = Object.keys(engines) as EngineName[];
