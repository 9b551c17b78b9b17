# Sourced by the commands of hack/: the packages of the lock file, and Node 24 on the PATH. Works from any folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
if ! command -v npm >/dev/null; then
  echo "setup: npm is not on the PATH: install Node 20 or newer (the packages bring Node 24)" >&2
  exit 1
fi
# npm writes this file last, so an interrupted installation has none.
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  echo "setup: npm ci" >&2
  npm ci --include=dev --prefer-offline --fetch-timeout=60000 --no-fund --no-audit --loglevel=error >&2 || exit 1
  touch "$installed"
fi
export PATH="$root/node_modules/.bin:$PATH"
if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 19) ? 0 : 1)'; then
  echo "setup: Node 22.19 or newer is needed; found $(node --version). Installing packages with scripts allowed brings Node 24" >&2
  exit 1
fi
