import type { ImageConfig } from '../../src/image/types.js';

/** An image config as tools and people write it, which umoci converts to a config.json. */
export interface OddConfig {
  /** the execution part of the image config; null: the image config has `"config": null` */
  config?: Record<string, unknown> | null;
  /** other fields of the image config */
  image?: Partial<Record<keyof ImageConfig, unknown>>;
  /** /etc/passwd and /etc/group of the image; null: missing */
  passwd?: string | null;
  group?: string | null;
}

export const passwd = `root:x:0:0::/root:/bin/sh
web:x:33:34::/var/www:
nogroup:x:40:40:::
nohome:x:41:41
#comment:x:42:42::/no:
dup:x:50:51::/first:
dup:x:52:53::/second:
1234:x:55:56::/numeric:
big:x:3000000000:3000000001::/big:
last:x:4294967294:4294967294::/last:
`;
export const group = `root:x:0:root
staff:x:50:web,dup
www:x:34:
huge:x:3000000000:web
#comment:x:60:web
dupgroup:x:70:
dupgroup:x:71:
777:x:78:
`;

const users: Record<string, string> = {
  'by name': 'web',
  'by number with an entry': '33',
  'by number without an entry': '1000',
  'name and group': 'web:staff',
  'name and number': 'web:12',
  'number and name': '33:staff',
  'two numbers': '1000:1001',
  'number and group without an entry': '1000:www',
  'group alone': ':staff',
  'group number alone': ':12',
  'empty group': 'web:',
  'three parts': 'web:staff:more',
  'spaces around': ' web ',
  'named like a number': '1234',
  'two entries of one name': 'dup',
  'two entries of one group': 'web:dupgroup',
  'group named like a number': 'web:777',
  'leading zeros': '0033',
  'plus sign': '+33',
  'unknown name': 'eve',
  'unknown group': 'web:eve',
  'negative number': '-1',
  'without a home': 'nohome',
  'with an empty home': 'nogroup',
  'in a comment': '#comment',
  'above 2^31 by name': 'big',
  'above 2^31 by number with an entry': '3000000000',
  'above 2^31 without an entry': '3000000005',
  'group above 2^31 by name': 'web:huge',
  'group above 2^31 by number': 'web:3000000005',
  'the largest ID': 'last',
  'the ID that means none': '4294967295',
  'above 2^32': '4294967296',
  root: 'root',
  zero: '0',
  'zero and zero': '0:0',
};

const configs: Record<string, OddConfig> = {
  'config null': { config: null },
  'config empty': { config: {} },
  'every field null': {
    config: Object.fromEntries(
      [
        'User',
        'ExposedPorts',
        'Env',
        'Entrypoint',
        'Cmd',
        'Volumes',
        'WorkingDir',
        'Labels',
        'StopSignal',
      ].map((name) => [name, null]),
    ),
  },
  'no passwd, no user': { passwd: null, group: null },
  'no passwd, a number': { config: { User: '7:8' }, passwd: null, group: null },
  'no passwd, a name': { config: { User: 'web' }, passwd: null, group: null },
  'no group, a name': { config: { User: 'web' }, group: null },
  'no group, a group': { config: { User: 'web:staff' }, group: null },
  'empty passwd and group': { passwd: '', group: '' },
  'passwd without a newline at its end': { config: { User: 'x' }, passwd: 'x:x:9:9::/x:' },
  'passwd with carriage returns': { config: { User: 'x' }, passwd: 'x:x:9:9::/x:\r\n' },
  'passwd without root': { passwd: 'x:x:9:9::/x:\n' },
  'passwd with a malformed number': { config: { User: 'x' }, passwd: 'x:x:nine:9::/x:\n' },
  'passwd with a missing group': { config: { User: 'x' }, passwd: 'x:x:9\n' },
  'group with spaces in its members': { config: { User: 'web' }, group: 'a:x:1:x, web\nb:x:2: web\n' },
  'group with a malformed number': { config: { User: 'web' }, group: 'a:x:one:web\n' },
  'Env empty': { config: { Env: [] } },
  'Env twice': { config: { Env: ['A=1', 'B=1', 'A=2'] } },
  'Env that replaces a default': { config: { Env: ['TERM=dumb', 'PATH=/bin'] } },
  'Env with an empty value': { config: { Env: ['A=', 'PATH='] } },
  'Env with an equals sign': { config: { Env: ['A=b=c', 'B==', 'C= d '] } },
  'Env with a newline': { config: { Env: ['A=b\nc'] } },
  'Env without a value': { config: { Env: ['A'] } },
  'Env without a name': { config: { Env: ['=a'] } },
  'Env of an empty text': { config: { Env: [''] } },
  'Env of null': { config: { Env: [null] } },
  'Env with HOME': { config: { Env: ['HOME=/h'], User: 'web' } },
  'Env with an empty HOME': { config: { Env: ['HOME='], User: 'web' } },
  'Env in other cases': { config: { Env: ['path=/x', 'Home=/y'] } },
  'Env with <>&': { config: { Env: ['A=<b>&c\u2028'] } },
  'no Cmd and no Entrypoint': { config: { Cmd: [], Entrypoint: [] } },
  'Entrypoint alone': { config: { Entrypoint: ['/init'] } },
  'Cmd alone': { config: { Cmd: ['/bin/sh', '-c', 'a b'] } },
  'Cmd of empty texts': { config: { Cmd: ['', ''] } },
  'Cmd with null': { config: { Cmd: ['a', null] } },
  'ArgsEscaped and Shell': { config: { Cmd: ['a b'], ArgsEscaped: true, Shell: ['/bin/bash', '-c'] } },
  'WorkingDir relative': { config: { WorkingDir: 'srv' } },
  'WorkingDir not clean': { config: { WorkingDir: '/a/../b//c/' } },
  'WorkingDir with ..': { config: { WorkingDir: '/../../x' } },
  'WorkingDir with a variable': { config: { WorkingDir: '$' + '{HOME}/x' } },
  'WorkingDir of white space': { config: { WorkingDir: ' ' } },
  'Volumes empty': { config: { Volumes: {} } },
  'Volumes in any order': { config: { Volumes: { '/z': {}, '/a/b': {}, '/a': {} } } },
  'Volumes with null': { config: { Volumes: { '/v': null } } },
  'Volumes not clean': { config: { Volumes: { '/v/': {}, '/v//w': {}, v: {}, '': {} } } },
  'Volumes over a default mount': { config: { Volumes: { '/proc': {}, '/dev/shm': {} } } },
  'ExposedPorts in any order': {
    config: { ExposedPorts: { '80/tcp': {}, '22': {}, '53/udp': {}, '443/tcp': {} } },
  },
  'ExposedPorts malformed': { config: { ExposedPorts: { 'http/x': {}, '': {} } } },
  'StopSignal by name': { config: { StopSignal: 'SIGQUIT' } },
  'StopSignal by number': { config: { StopSignal: '37' } },
  'StopSignal malformed': { config: { StopSignal: 'whatever' } },
  'Labels with an empty value': { config: { Labels: { a: '', b: 'c' } } },
  'Labels with an empty name': { config: { Labels: { '': 'x' } } },
  'Labels with null': { config: { Labels: { a: null, b: 'c' } } },
  'Labels that clash with fields': {
    config: {
      StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.os': 'plan9',
        'org.opencontainers.image.author': '',
        'org.opencontainers.image.stopSignal': 'x',
      },
    },
    image: { author: 'me' },
  },
  'Labels with __proto__': { config: { Labels: JSON.parse('{"__proto__":"a","constructor":"b"}') } },
  'fields of Docker': {
    config: {
      Hostname: 'abc',
      Domainname: 'd',
      AttachStdin: true,
      Tty: false,
      OpenStdin: false,
      Image: 'sha256:x',
      OnBuild: ['RUN x'],
      Healthcheck: { Test: ['CMD', 'x'], Interval: 3 },
      MacAddress: '',
      NetworkDisabled: true,
      StopTimeout: 5,
    },
  },
  'created missing': { image: { created: undefined } },
  'created null': { image: { created: null } },
  'created empty': { image: { created: '' } },
  'created with a fraction': { image: { created: '2020-02-03T04:05:06.7000+01:00' } },
  'created in UTC by offset': { image: { created: '2020-02-03T04:05:06+00:00' } },
  'created before 1970': { image: { created: '0001-01-01T00:00:00Z' } },
  'created in lower case': { image: { created: '2020-02-03t04:05:06z' } },
  'created with a space': { image: { created: '2020-02-03 04:05:06Z' } },
  'created with a leap second': { image: { created: '2016-12-31T23:59:60Z' } },
  'created on a day that does not exist': { image: { created: '2021-02-30T00:00:00Z' } },
  'created with ten digits': { image: { created: '2020-02-03T04:05:06.0123456789Z' } },
  'author empty': { image: { author: '' } },
  'author with <>': { image: { author: 'Me <me@example.org>' } },
  'architecture empty': { image: { architecture: '' } },
  'architecture null': { image: { architecture: null } },
  'architecture unknown': { image: { architecture: 'pdp11' } },
  'variant and os.version': { image: { variant: 'v8', 'os.version': '10', 'os.features': ['x'] } },
  'os empty': { image: { os: '' } },
  'os in upper case': { image: { os: 'Linux' } },
  'another os': { image: { os: 'windows' } },
  'history null': { image: { history: null } },
};

/** All configs by name. */
export const oddConfigs: Readonly<Record<string, OddConfig>> = {
  ...Object.fromEntries(
    Object.entries(users).map(([name, user]) => [`user ${name}`, { config: { User: user } }]),
  ),
  ...configs,
};

/** Where layerhook and umoci 0.6 differ, with the reason. docs/images.md has the same list. */
export const differences: Readonly<Record<string, string>> = {
  'passwd with a malformed number': 'umoci takes a malformed ID for 0, which is root; layerhook refuses it',
  'passwd with a missing group': 'umoci takes a missing ID for 0, which is root; layerhook refuses it',
  'group with a malformed number': 'umoci takes a malformed ID for 0, which is root; layerhook refuses it',
  'created empty': 'layerhook, skopeo and podman take an empty time for a missing one; umoci refuses it',
  'created with a leap second': 'layerhook copies a time in the form of RFC 3339; umoci checks the date too',
  'created on a day that does not exist':
    'layerhook copies a time in the form of RFC 3339; umoci checks the date too',
};

/** Where only umoci 0.4 differs. */
export const oldDifferences: Readonly<Record<string, string>> = {
  'Labels that clash with fields': 'umoci 0.4 prefers the fields to the labels, against the image-spec',
};
