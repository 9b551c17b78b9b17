# Sourced by the commands of hack/: packages of the lock file, and Node 24 on the PATH. Works from any folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
command -v npm >/dev/null || { echo "npm is not on the PATH: install Node 22.19 or newer" >&2; exit 1; }
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "setup: npm ci" >&2
  npm ci --no-fund --no-audit --loglevel=error >&2 || exit 1
fi
export PATH="$root/node_modules/.bin:$PATH"
