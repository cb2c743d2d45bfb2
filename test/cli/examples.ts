import type { Step } from '../helpers/own-machine.js';

/** What an example of `--help` needs, prints and leaves behind, in the fixture of examples.test.ts. */
export interface Check extends Omit<Step, 'line'> {
  /** what the command prints, on standard output and error; default: nothing */
  prints?: RegExp;
  /** converts the example to a command that ends */
  ending?: (line: string) => string;
}

const ownBundle = 'rm -r bundle; layerhook unpack --image image:base bundle';
const overlayBundle = 'rm -r bundle; layerhook unpack --driver overlay --image image:base bundle';
const unmounted = `${overlayBundle}; layerhook bundle umount bundle`;

const isMounted = 'mountpoint -q bundle/rootfs';
const isGone = 'test ! -e bundle';
const inConfig = 'mkdir -p /etc/layerhook; cp hooks.toml /etc/layerhook';
const unchanged = /^[0-9a-f]{12}: unchanged\n$/;
const change = 'echo changed > bundle/rootfs/etc/os-release';

/** Ends `snapshotter serve` with SIGTERM when its socket is there, and after another command. */
const served = (serve: string, socket: string, then = 'true') => `${serve} &
while kill -0 $! && [ ! -S /run/layerhook/${socket} ]; do sleep 0.05; done
${then}; status=$?; kill $! && wait $! && exit $status`;

/** The bash function `layers TAG` of the fixture prints how many layers an image has, `tag TAG` the digest of its manifest. */
export const checks: Readonly<Record<string, Check>> = {
  'layerhook unpack --pull docker://debian:12 bundle': {
    before: 'rm -r bundle',
    prints: /^Storing signatures\n$/m,
    after: 'test -f bundle/rootfs/etc/os-release',
  },
  'layerhook repack --tag mine bundle': {
    before: `${ownBundle}; ${change}`,
    after: 'test $(layers mine) = 2',
  },
  'layerhook help unpack': { prints: /^NAME:\n {3}layerhook unpack - / },
  'layerhook bundle ls': { before: overlayBundle, prints: /^mounted +base@\S+ +0 B +\S+\/bundle$/m },
  'layerhook bundle mount bundle': { before: unmounted, after: isMounted },
  'layerhook bundle mount --all': { before: unmounted, after: isMounted },
  'layerhook bundle rm bundle': { before: overlayBundle, after: isGone },
  'layerhook bundle rm --force bundle': { after: isGone },
  'layerhook bundle umount bundle': { before: overlayBundle, after: `! ${isMounted}` },
  'layerhook cat image:base /etc/os-release': { prints: /^ID=test\n$/ },
  'layerhook completion bash > /usr/share/bash-completion/completions/layerhook': {
    before: 'mkdir -p /usr/share/bash-completion/completions',
    after: '. /usr/share/bash-completion/completions/layerhook; complete -p layerhook > /dev/null',
  },
  'layerhook config --image image:base --tag web --config.cmd /usr/sbin/nginx': {
    after: 'test $(layers web) = 1',
  },
  'layerhook config --image image:web --clear config.labels': { after: 'test $(tag web) != $(tag base)' },
  'layerhook copy image:base other:base': { after: 'test -f other/index.json' },
  'layerhook copy image:base oci-archive:base.tar': {
    after: 'tar -tf base.tar | grep -q index.json',
  },
  'layerhook ctk config --set order=after --set log=/var/log/layerhook-runtime.log': {
    prints: /^wrote \/etc\/layerhook\/runtime\.toml$/m,
    after: 'grep -q ^order.*after /etc/layerhook/runtime.toml',
  },
  'layerhook ctk install': {
    prints: /^wrote \/usr\/local\/bin\/layerhook-runtime$/m,
    after: '/usr/local/bin/layerhook-runtime --version | grep -q runc',
  },
  'layerhook ctk install --prefix /opt/layerhook': {
    prints: /^wrote \/opt\/layerhook\/bin\/layerhook-runtime$/m,
  },
  'layerhook ctk runtime configure --runtime docker --dry-run': {
    prints: /^\+ +"path": "\/usr\/local\/bin\/layerhook-runtime"/m,
    after: 'test ! -e /etc/docker/daemon.json',
  },
  'layerhook ctk runtime configure --runtime containerd --set-as-default': {
    prints: /^wrote \/etc\/containerd\/config\.toml$/m,
  },
  'layerhook ctk runtime unconfigure --runtime docker': { prints: /^nothing to change$/m },
  'layerhook ctk snapshotter configure --dry-run': {
    prints: /^\+ +address = "\/run\/layerhook\/snapshotter\.sock"$/m,
  },
  'layerhook ctk snapshotter status': { prints: /^layerhook is not in / },
  'layerhook ctk snapshotter unconfigure': { prints: /^nothing to change$/m },
  'layerhook ctk status': { prints: /^containerd +\/usr\/local\/bin\/layerhook-runtime, then /m },
  'layerhook ctk status --runtime docker': { prints: /^docker +no \/etc\/docker\/daemon\.json$/m },
  'layerhook diff --stat image:base image:changed': {
    prints: /^A opt\/app\/main \| 0 B -> 6 B\n3 added, 0 changed, 0 deleted, \+6 B$/m,
  },
  'layerhook diff --exit-code image:base bundle': {},
  'layerhook doctor': { prints: /^ok +overlayfs +/m },
  'layerhook doctor --json': { prints: /^ {4}"name": "overlayfs",$/m },
  'layerhook export --image image:base --output rootfs.tar': {
    before: 'rm rootfs.tar',
    after: 'tar -tf rootfs.tar | grep -q etc/os-release',
  },
  'layerhook flatten --image image:base --tag flat': { after: 'test $(layers flat) = 1' },
  'layerhook gc --layout image': {
    before: 'echo unused > image/blobs/sha256/$(echo unused | sha256sum | cut -d" " -f1)',
    after: 'test ! -e image/blobs/sha256/$(echo unused | sha256sum | cut -d" " -f1)',
  },
  'layerhook hooks check': { before: inConfig, prints: /^\/etc\/layerhook\/hooks\.toml is valid: 1 hook/m },
  'layerhook hooks check ./hooks.toml': { prints: /hooks\.toml is valid: 1 hook/ },
  'layerhook hooks install archive-overlay': {
    prints: /^wrote \/usr\/share\/containers\/oci\/hooks\.d\/\S+$/m,
  },
  'layerhook hooks list': { prints: /^unpack\.ociv1\.layer\.try-skip +first /m },
  'layerhook hooks new --hook --lang sh skip-layer': {
    prints: /^wrote skip-layer\/skip-layer\.sh$/m,
    after: 'layerhook hooks check skip-layer/hooks.toml',
  },
  'layerhook hooks new --driver --lang mjs my-driver': {
    prints: /^wrote my-driver\/my-driver\.mjs$/m,
    after: 'test -f my-driver/hooks.toml',
  },
  'layerhook hooks run --image image:base unpack.ociv1.layer.try-skip': { prints: /^ {2}"handled": false$/m },
  'layerhook hooks uninstall archive-overlay': {
    prints: /^removed \/usr\/share\/containers\/oci\/hooks\.d\/\S+$/m,
  },
  'layerhook import --image image:base rootfs.tar': { after: 'test $(layers base) = 1' },
  'layerhook index add --image image:multi image:amd64 image:arm64': {
    before: 'layerhook rm --image image:multi',
    after: 'test -n "$(tag multi)"',
  },
  'layerhook index ls --image image:multi': { prints: /^linux\/amd64 .*\nlinux\/arm64 /m },
  'layerhook index rm --image image:multi linux/arm64': { after: '! grep -q arm64 $(blob $(tag multi))' },
  'layerhook init --layout image': { before: 'rm -r image', after: 'test -f image/index.json' },
  'layerhook insert --image image:base --tag app ./app /opt/app': { after: 'test $(layers app) = 2' },
  'layerhook insert --image image:base --whiteout /usr/share/doc': { after: 'test $(layers base) = 2' },
  'layerhook inspect image:base': { prints: /^LAYER +DIGEST [^\n]*\n0 {6}/ },
  'layerhook inspect --ci --lowest-efficiency 0.95 image:base': {},
  'layerhook inspect --html page.html --against image:base image:changed': {
    after: 'grep -q opt/app page.html',
  },
  'layerhook ls --layout image': { prints: /^debian-12\.1\n/m },
  'layerhook ls-files --long image:base': { prints: /^-rw-r--r-- 0:0 +8 \S+ 0 etc\/os-release$/m },
  'layerhook ls-files --layer 0 image:base': { prints: /^etc\/os-release\nusr\/share\/doc\/a\n$/ },
  'layerhook new --image image:empty': { after: 'test $(layers empty) = 0' },
  'layerhook raw add-layer --image image:base --tag more layer.tar': { after: 'test $(layers more) = 2' },
  'layerhook raw compare-trees before after': { prints: /^\{"path":"new","kind":"add"\}\n$/ },
  'layerhook raw mtree-validate --manifest bundle/sha256_*.mtree --path bundle/rootfs': {},
  'layerhook raw overlay-tar --scratch scratch < layer.tar > overlay.tar': {
    after: 'tar -tf overlay.tar | grep -q opt/app/main',
  },
  'layerhook raw upperdir-changes --lowerdir lower upper': { prints: /^\{"path":"new","kind":"add"\}\n$/ },
  'layerhook raw runtime-config --image image:base config.json': { after: 'jq -e .ociVersion config.json' },
  'layerhook raw unpack --image image:base rootfs': { after: 'test -f rootfs/etc/os-release' },
  'layerhook rebase --image image:app --old image:debian-12.1 --new image:debian-12.2': {
    after: 'test $(layers app) = 4',
  },
  'layerhook rm --image image:old': { after: 'test -z "$(tag old)"' },
  'layerhook repack --image image:changed bundle': { before: change, after: 'test $(layers changed) = 2' },
  'layerhook repack --tag changed --refresh-bundle bundle': {
    before: `${ownBundle}; ${change}`,
    after: 'test $(layers changed) = 2',
  },
  'layerhook snapshotter health --metrics /run/layerhook/metrics.sock': {
    ending: (line) =>
      served('layerhook snapshotter serve --metrics /run/layerhook/metrics.sock', 'metrics.sock', line),
    prints: /^serving /,
  },
  'layerhook snapshotter serve': {
    ending: (line) => served(line, 'snapshotter.sock'),
    prints: /^serving .* at \/run\/layerhook\/snapshotter\.sock, as client containerd$/m,
  },
  'layerhook snapshotter serve --address /run/layerhook/snapshotter.sock --metrics /run/layerhook/metrics.sock':
    {
      before: 'rm -r /run/layerhook',
      ending: (line) => served(line, 'metrics.sock'),
      prints: /^serving .*; metrics at \/run\/layerhook\/metrics\.sock$/m,
    },
  'layerhook squash --from 2 --image image:app --tag small': { after: 'test $(layers small) = 3' },
  'layerhook stat --image image:base': { prints: /^== MANIFEST ==\n/ },
  'layerhook store df': { prints: /^snapshots +\d/m },
  'layerhook store du': { prints: /\(layers that no bundle needs\)$/m },
  'layerhook store export 0123456789ab layer.tar': {
    before: 'rm layer.tar',
    after: 'tar -tf layer.tar | grep -q etc/os-release',
  },
  'layerhook store gc --keep 10GB': { prints: /^freed 0 B of 0 layers$/m },
  'layerhook store gc --unused-for 7d --dry-run': { prints: /^would free 0 B of 0 layers$/m },
  'layerhook store ls': { prints: /^LAYER .*\n[0-9a-f]{12} /m },
  'layerhook store rm 0123456789ab': {
    before: "layerhook bundle ls --json | jq -r '.[].bundle' | xargs layerhook bundle rm",
    after: 'layerhook unpack --driver erofs --image image:base new',
  },
  'layerhook store sync': {},
  'layerhook store verify': { prints: unchanged },
  'layerhook store verify --dry-run 0123456789ab': { prints: unchanged },
  'layerhook tag --image image:base stable': { after: 'test $(tag stable) = $(tag base)' },
  'layerhook unpack --image image:base bundle': {
    before: 'rm -r bundle',
    after: 'test -f bundle/config.json',
  },
  'layerhook unpack --driver overlay --image image:base bundle': { before: 'rm -r bundle', after: isMounted },
  'layerhook validate image': {},
  'layerhook validate image:base': {},
};
