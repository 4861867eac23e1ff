# Installs the packages named as arguments on Debian or Ubuntu, without
# starting their services. Runs as root, to its end, even if whoever started it
# is gone: then nothing is left half done.
set -u
export DEBIAN_FRONTEND=noninteractive

# While a package is installed, Debian asks this hook whether its service may
# be started; 101 forbids it. A hook of the machine's own is left alone; one
# that a killed run of ours has left is known by its second line.
hook=${POLICY_HOOK:-/usr/sbin/policy-rc.d}
ours='# put here by shakedown while it installs a package'
# Debian's PostgreSQL makes a cluster when it is installed first, unless a file
# of this folder forbids it.
clusters=${CLUSTER_SETTINGS:-/etc/postgresql-common/createcluster.d}
put_away() {
    rm -f "$clusters/shakedown.conf"
    rmdir "$clusters" 2>/dev/null || true
    [ -z "${hooked:-}" ] || rm -f "$hook"
}
trap put_away EXIT
trap 'exit 1' HUP INT TERM
case " $* " in
*' postgresql '*)
    mkdir -p "$clusters" &&
        printf '%s\ncreate_main_cluster = false\n' "$ours" > "$clusters/shakedown.conf" || exit 1
    ;;
esac
if [ ! -e "$hook" ] || grep -qF "$ours" "$hook"; then
    hooked=yes
    printf '#!/bin/sh\n%s\nexit 101\n' "$ours" > "$hook" && chmod 755 "$hook" || exit 1
fi

# A source that cannot be reached must not stop an installation from another.
apt-get -o DPkg::Lock::Timeout=300 update ||
    echo 'The package lists could not all be refreshed; going on with what is there.'
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
