# Makes a cluster if there is none, and becomes its server: start.sh BIN DATA PORT.
# Whoever kills this process kills the server.
set -eu
bin=$1 data=$2 port=$3

# The mark is made last: what a killed initdb has left is made anew.
if [ ! -e "$data.made" ]; then
    rm -rf "$data"
    "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync
    : > "$data.made"
fi

# Left by a server that was killed. Nobody else has this cluster, and the number
# in the file may belong to another process by now.
rm -f "$data/postmaster.pid"

# Durable, like anybody's server: fsync stays on. No socket but the one on the
# loopback interface, and shared memory as files of the cluster.
exec "$bin/postgres" -D "$data" -p "$port" \
    -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= \
    -c dynamic_shared_memory_type=mmap \
    -c max_connections=200 \
    -c log_checkpoints=off
