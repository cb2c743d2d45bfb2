import type { Mount, RuntimeSpec } from './types.js';

const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];

/**
 * Returns the spec of an image with an empty config: umoci's defaults, so that bundles of both programs are alike. Only
 * the version is lower: the spec uses nothing newer than 1.0.2, and runtimes still in use (crun 1.8) refuse 1.2 and
 * later.
 */
export function defaultSpec(): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    process: defaultProcess(),
    root: { path: 'rootfs' },
    hostname: 'umoci-default',
    mounts: defaultMounts(),
    annotations: {},
    linux: defaultLinux(),
  };
}

function defaultProcess(): RuntimeSpec['process'] {
  return {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: ['sh'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
    cwd: '/',
    capabilities: {
      bounding: [...capabilities],
      effective: [...capabilities],
      inheritable: [...capabilities],
      permitted: [...capabilities],
      ambient: [...capabilities],
    },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
    noNewPrivileges: true,
  };
}

function defaultLinux(): RuntimeSpec['linux'] {
  return {
    resources: { devices: [{ allow: false, access: 'rwm' }] },
    namespaces: ['cgroup', 'pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
    maskedPaths: [
      '/proc/kcore',
      '/proc/latency_stats',
      '/proc/timer_list',
      '/proc/timer_stats',
      '/proc/sched_debug',
      '/sys/firmware',
      '/proc/scsi',
    ],
    readonlyPaths: ['/proc/asound', '/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  };
}

function defaultMounts(): Mount[] {
  const quiet = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc' },
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', [
      'nosuid',
      'noexec',
      'newinstance',
      'ptmxmode=0666',
      'mode=0620',
      'gid=5',
    ]),
    mount('/dev/shm', 'tmpfs', 'shm', [...quiet, 'mode=1777', 'size=65536k']),
    mount('/dev/mqueue', 'mqueue', 'mqueue', quiet),
    mount('/sys', 'sysfs', 'sysfs', [...quiet, 'ro']),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', [...quiet, 'relatime', 'ro']),
  ];
}

function mount(destination: string, type: string, source: string, options: readonly string[]): Mount {
  return { destination, type, source, options: [...options] };
}
