"""Starts a command as systemd starts a service of Type=notify with a socket unit; says what it was told."""
import os, signal, socket, sys

address, notify = sys.argv[1:3]
told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
told.bind(notify)
told.settimeout(60)
listening = socket.socket(socket.AF_UNIX)
listening.bind(address)
listening.listen()
pid = os.fork()
if pid == 0:
    os.dup2(listening.fileno(), 3)
    if listening.fileno() == 3:
        os.set_inheritable(3, True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", NOTIFY_SOCKET=notify)
    os.execvp(sys.argv[3], sys.argv[3:])
print(told.recv(100).decode())
client = socket.socket(socket.AF_UNIX)
client.connect(address)
client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
print("answered" if client.recv(9)[3] == 4 else "no settings frame")
os.kill(pid, signal.SIGTERM)
print(told.recv(100).decode())
print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
