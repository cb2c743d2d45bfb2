#!/bin/bash
# A storage driver: each layer is one squashfs file in the store, a bundle is an overlay of such files. Needs jq,
# squashfs-tools-ng, and layerhook in PATH or $LAYERHOOK. In hooks.toml: mtree = "never", and [driver] with name and exec.
set -euo pipefail
context=$(cat)
eval "$(jq -r '@sh "rootfs=\(.rootfs) target=\(.target) n=\((.index // 0) + 1) tree=\(.treeID) layers=\(.manifest.layers | length)"' <<< "$context")"
bundle=${rootfs%/*} dir=${rootfs%/*}/layerhook.squashfs file=$LAYERHOOK_STORE/$tree.sqfs
# in dir: 0: an empty directory, N: layer N, files/N: its file, which stands for a mounted layer during an unpack
layerhook=${LAYERHOOK:-layerhook}
below() { seq -s: "$count" -1 0; }
attach() { mkdir "$n" && mount -o loop,ro "$file" "$n" && ln -s "$file" "files/$n"; }
release() { [ "$count" = 0 ] || (cd "$dir" && umount -ql $(seq "$count")) || true; } # mounted overlays keep their layers
attach_all() { trap release EXIT && for n in $(seq "$count"); do mountpoint -q "$n" || mount -o loop,ro "files/$n" "$n"; done; }
overlay() { mount -t overlay -o "lowerdir=$(below),upperdir=upper,workdir=work" overlay "$rootfs"; }
if [[ $1 == unpack.* && ! -d $dir ]]; then mkdir -pm 755 "$dir/0" "$dir/files" "$LAYERHOOK_STORE" && chown --reference="$rootfs" "$dir/0" && touch -d @0 "$dir/0"; fi
[ -d "$dir" ] && cd "$dir" || exit 77
shopt -s nullglob && layer_files=(files/*) && count=${#layer_files[@]}
# The lower layers may still be on their way: read waits without starting a program.
# tar2sqfs knows nothing of whiteouts: overlay-tar converts them.
squash='set -euo pipefail; cd "$1"; n=$2 new=$3; shift 3; exec {never}<> <(:); until [ $n = 0 ] || [ -e files/$n ]; do kill -0 $PPID; read -rt 0.05 -u $never || :; done
"$0" raw overlay-tar --scratch . --lowerdir "$(seq -s: $n -1 0)" "$@" | tar2sqfs -q -j 1 -c gzip "$new"'
case $1 in
*.try-skip) [ -e "$file" ] && attach && echo '{"skip": true}' || echo '{"skip": false}' ;;
*.pre-extract) jq --arg new "$file.${bundle##*/}" --args '{into: "command", target: $new, argv: (
    ["/bin/bash", "-c"] + $ARGS.positional + ["\(.index)", $new] + [.map.uidMappings[] | "--uid-map=\(.containerID):\(.hostID):\(.size)"]
    + [.map.gidMappings[] | "--gid-map=\(.containerID):\(.hostID):\(.size)"] + [select(.map.rootless) | "--rootless"]
    + [select(.keepDirlinks) | "--keep-dirlinks"])}' "$squash" "$layerhook" "$dir" <<< "$context" ;;
*.post-extract) mv -T "$target" "$file" && attach ;;
*.assemble) trap release EXIT && mkdir upper work # the root directory of the bundle is the upperdir's
  tar --no-recursion --xattrs --xattrs-include='*' --xattrs-exclude='trusted.overlay.*' -cC "$count" . | tar --xattrs --xattrs-include='*' -xpC upper
  overlay ;;
*.delta-list) [ "$count" = "$layers" ] || exit 77 # refreshed: the mtree knows better
  attach_all && "$layerhook" raw upperdir-changes --lowerdir "$(below)" upper ;;
*.mount) mountpoint -q "$rootfs" || { attach_all && overlay; } ;;
*.umount) umount -q "$rootfs" || ! mountpoint -q "$rootfs" ;;
*.remove) umount -ql "$rootfs" || true; release ;;
*) exit 77 ;;
esac
