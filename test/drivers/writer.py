"""What a container does to its files, one JSON list a line on stdin; answers each with a line. Descriptors and mappings stay open."""
import ctypes, errno, fcntl, json, mmap, os, sys

libc = ctypes.CDLL(None, use_errno=True)
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
FICLONE, GETFLAGS, SETFLAGS, NODUMP = 0x40049409, 0x80086601, 0x40086602, 0x40
AT_FDCWD, EXCHANGE, SYMLINK_FOLLOW = -100, 2, 0x400
root = os.fsencode(sys.argv[1])
held, mapped = {}, {}


def at(name):
    return os.path.join(root, os.fsencode(name))


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "call failed")


def hold(name):
    if name not in held:
        held[name] = os.open(at(name), os.O_RDWR)
    return held[name]


def fallocate(name, mode, offset, length):
    fd = os.open(at(name), os.O_RDWR)
    try:
        call(libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))
    finally:
        os.close(fd)


def write(name, offset, data):
    fd = os.open(at(name), os.O_RDWR)
    os.pwrite(fd, data.encode(), offset)
    os.close(fd)


def write_and_set_back(name, offset, data):
    before = os.stat(at(name))
    if offset + len(data) > before.st_size:
        raise OSError(errno.EINVAL, "beyond the end")
    write(name, offset, data)
    os.utime(at(name), ns=(before.st_atime_ns, before.st_mtime_ns))


def map_write(name, offset, data, sync):
    if name not in mapped:
        mapped[name] = mmap.mmap(hold(name), 0)
    area = mapped[name]
    if os.fstat(held[name]).st_size < offset + len(data) or len(area) < offset + len(data):
        raise OSError(errno.EINVAL, "beyond the end")
    area[offset : offset + len(data)] = data.encode()
    if sync:
        area.flush()


def clone(source, target):
    with open(at(source), "rb") as a, open(at(target), "r+b") as b:
        fcntl.ioctl(b, FICLONE, a.fileno())


def chattr(name):
    fd = os.open(at(name), os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(fd, GETFLAGS, flags)
        flags[0] ^= NODUMP
        fcntl.ioctl(fd, SETFLAGS, flags)
    finally:
        os.close(fd)


def acl(name, uid):
    entry = lambda tag, permissions, who: tag.to_bytes(2, "little") + permissions.to_bytes(2, "little") + who.to_bytes(4, "little")
    anyone = 0xFFFFFFFF
    rows = [(1, 6, anyone), (2, 4, uid), (4, 4, anyone), (16, 4, anyone), (32, 4, anyone)]
    os.setxattr(at(name), "system.posix_acl_access", (2).to_bytes(4, "little") + b"".join(entry(*row) for row in rows))


def replace(name, data):
    with open(at(name) + b".new", "w") as file:
        file.write(data)
    os.rename(at(name) + b".new", at(name))


def unnamed(name, data):
    directory = os.path.dirname(at(name))
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o644)
    try:
        os.write(fd, data.encode())
        if os.path.lexists(at(name)):
            os.unlink(at(name))
        call(libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % fd, AT_FDCWD, at(name), SYMLINK_FOLLOW))
    finally:
        os.close(fd)


def copy_range(source, target, length):
    a = os.open(at(source), os.O_RDONLY)
    b = os.open(at(target), os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.copy_file_range(a, b, length)
    finally:
        os.close(a)
        os.close(b)


def release():
    for area in mapped.values():
        area.close()
    for fd in held.values():
        os.close(fd)
    mapped.clear()
    held.clear()


actions = {
    "write": write,
    "write held": lambda name, offset, data: os.pwrite(hold(name), data.encode(), offset),
    "write and set back": write_and_set_back,
    "map": map_write,
    "append": lambda name, data: write(name, os.stat(at(name)).st_size, data),
    "truncate": lambda name, size: os.truncate(at(name), size),
    "preallocate": lambda name, size: fallocate(name, KEEP_SIZE, 0, size),
    "grow": lambda name, size: fallocate(name, 0, 0, size),
    "punch": lambda name, offset, size: fallocate(name, PUNCH_HOLE | KEEP_SIZE, offset, size),
    "zero": lambda name, offset, size: fallocate(name, ZERO_RANGE | KEEP_SIZE, offset, size),
    "clone": clone,
    "copy range": copy_range,
    "unnamed": unnamed,
    "replace": replace,
    "rename": lambda source, target: os.rename(at(source), at(target)),
    "exchange": lambda a, b: call(libc.renameat2(AT_FDCWD, at(a), AT_FDCWD, at(b), EXCHANGE)),
    "link": lambda source, target: os.link(at(source), at(target)),
    "remove": lambda name: os.unlink(at(name)),
    "chmod": lambda name, mode: os.chmod(at(name), mode),
    "chown": lambda name, uid: os.chown(at(name), uid, uid),
    "chattr": chattr,
    "xattr": lambda name, value: os.setxattr(at(name), "user.x", value.encode()),
    "acl": acl,
    "time": lambda name, sec: os.utime(at(name), (sec, sec)),
    "sync": lambda name: os.fsync(hold(name)),
    "release": release,
}

for line in sys.stdin:
    action, *arguments = json.loads(line)
    try:
        actions[action](*arguments)
        answer = "done"
    except OSError as error:
        answer = errno.errorcode[error.errno]
    except ValueError:
        answer = "EINVAL"
    print(answer, flush=True)
