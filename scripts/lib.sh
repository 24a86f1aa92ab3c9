# Shared by the scripts beside it: where things are, and how missing tools are installed.
# shellcheck shell=bash
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# The comment at the head of a script is its help, given before anything is looked at, built or deleted.
case "${1:-}" in
  -h | --help) sed -n '2,/^[^#]/ { /^[^#]/d; s/^# \{0,1\}//; p }' "$0"; exit 0 ;;
esac
cd "$ROOT"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDTERMINALLOGGER=off
# Nothing here runs so long that measuring its code to compile it once more would pay; the C# compiler takes half as much again with it.
export DOTNET_TieredPGO=0
export NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_FUND=false NPM_CONFIG_AUDIT=false

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

case "$(uname -m)" in
  x86_64) HOST_RID=linux-x64 ;;
  aarch64) HOST_RID=linux-arm64 ;;
  *) fail "AiChat builds on x86_64 and aarch64 Linux, not on $(uname -m)." ;;
esac

# set_target RID: what is built, and where it goes. The machine's own binary is the one that everything else here runs.
set_target() {
  RID="$1"
  case "$RID" in
    linux-x64) DEB_ARCH=amd64 TRIPLE=x86_64-linux-gnu ;;
    linux-arm64) DEB_ARCH=arm64 TRIPLE=aarch64-linux-gnu ;;
    *) fail "there is no build for $RID, only for linux-x64 and linux-arm64" ;;
  esac
  PUBLISH="artifacts/publish"
  [ "$RID" = "$HOST_RID" ] || PUBLISH="artifacts/publish-$RID"
  SYSROOT="$ROOT/artifacts/sysroot/$RID"
  BINARY="$ROOT/$PUBLISH/aichat"
}
set_target "$HOST_RID"

# What to put before a command that needs root: nothing for root, sudo for others.
AS_ROOT=()
[ "$(id -u)" = 0 ] || AS_ROOT=(sudo -n)
as_root() { "${AS_ROOT[@]}" "$@"; }

# install_missing PACKAGE=FILE_OR_COMMAND ...: installs the Debian packages whose file or command is not there, and says which.
install_missing() {
  local missing=() package probe
  for entry in "$@"; do
    package="${entry%%=*}"; probe="${entry#*=}"
    if [[ "$probe" == /* ]]; then [ -e "$probe" ] || missing+=("$package")
    else command -v "$probe" >/dev/null || missing+=("$package"); fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "Installing with apt-get: ${missing[*]}"
  command -v apt-get >/dev/null || fail "please install: ${missing[*]} (no apt-get on this machine)"
  as_root apt-get update -qq </dev/null || fail "apt-get update failed; install by hand (as root): apt-get install ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
    fail "could not install ${missing[*]}; install by hand (as root): apt-get install ${missing[*]}"
}

# debian_mirrors LABEL: where Debian (or Debian-Security) is to be had, one address a line: DEBIAN_MIRROR, then what apt uses here. Apt knows
# it only after its first update.
debian_mirrors() {
  [ -z "${DEBIAN_MIRROR:-}" ] || { [ "$1" = Debian ] && echo "${DEBIAN_MIRROR%/}" || echo "${DEBIAN_MIRROR%/}-security"; }
  [ -n "$(apt-get indextargets 'Created-By: Packages' 2>/dev/null)" ] || as_root apt-get update -qq </dev/null >/dev/null 2>&1 || true
  apt-get indextargets --format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sed -n "s|^$1[|]\(.*[^/]\)/*\$|\1|p" | sort -u
}

need_dotnet() {
  command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing; get it from https://dotnet.microsoft.com/download/dotnet/10.0 (Debian has no package for it)."
  dotnet --version >/dev/null 2>&1 || fail "the installed .NET SDK is older than global.json asks for (10.0); see https://dotnet.microsoft.com/download/dotnet/10.0"
}

# What the native linker needs: a C compiler, cmake for the OpenSSL shim, the linker of the target. What is linked is in the sysroot.
need_native_tools() {
  need_dotnet
  install_missing clang=clang cmake=cmake make=make "binutils-${TRIPLE//_/-}=$TRIPLE-ld"
}

# The version: of the tag vX.Y.Z on this commit; after one, what comes next with how many commits are between; 0.0.0-dev where no tag is.
# Git tells it, or scripts/commit, which git archive fills in, so that a source archive knows as well.
version_of_source() {
  local tag count
  tag="$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null)" ||
    tag="$(sed -n 's/.*tag: \(v[0-9][^,)$ ]*\).*/\1/p' scripts/commit)"
  if [ -n "$tag" ]; then echo "${tag#v}"; return; fi
  tag="$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null)" || { echo 0.0.0-dev; return; }
  count="$(git rev-list --count "$tag..HEAD")"
  [[ "$tag" =~ ^v([0-9]+)\.([0-9]+)\.([0-9]+)$ ]] || { echo "${tag#v}.$count"; return; }
  echo "${BASH_REMATCH[1]}.${BASH_REMATCH[2]}.$((BASH_REMATCH[3] + 1))-dev.$count"
}

# The full commit, with -dirty where what is built differs from it; nothing where neither git nor an archive knows.
commit_of_source() {
  local commit
  if commit="$(git rev-parse --verify HEAD 2>/dev/null)"; then
    [ -z "$(git status --porcelain -uno -- AiChat.csproj Directory.Build.props packages.lock.json "${SOURCES[@]}" scripts 2>/dev/null)" ] || commit+=-dirty
    echo "$commit"
  else
    sed -n 's/^\([0-9a-f]\{40\}\).*/\1/p' scripts/commit
  fi
}

# Vite needs Node 20.19 or newer; Debian 12 ships 18, so a newer one has to be there already.
need_node() {
  command -v node >/dev/null && command -v npm >/dev/null ||
    fail "Node 20.19 or newer with npm is missing; the page's tests and build need it (https://nodejs.org/en/download; Debian 12's own Node 18 is too old)."
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node $(node --version) is too old for the page's tools; 20.19 or newer is needed (https://nodejs.org/en/download)."
}

# Installs the page's packages when package-lock.json changed since the last time.
need_client_packages() {
  need_node
  local stamp=ClientApp/node_modules/.installed
  cmp -s ClientApp/package-lock.json "$stamp" && return 0
  echo "Installing the page's packages (npm ci)"
  (cd ClientApp && npm ci --silent </dev/null)
  cp ClientApp/package-lock.json "$stamp"
}

# The clients that are tried against the server, by their own lock file. No script of theirs runs: their programs are started directly.
need_clients() {
  need_node
  local stamp=ClientApp/tests/clients/node_modules/.installed
  cmp -s ClientApp/tests/clients/package-lock.json "$stamp" && return 0
  echo "Installing the clients to try (npm ci): libraries, codex, opencode, Claude Code"
  (cd ClientApp/tests/clients && npm ci --silent --ignore-scripts </dev/null)
  cp ClientApp/tests/clients/package-lock.json "$stamp"
}

# What the native binary is made of, besides its project file and packages.
SOURCES=(Program.cs ServerOptions.cs Commands Data Endpoints Providers deploy/aichat.service wwwroot)

# A hash of everything the native binary is made of: changes exactly when a new publish is due.
source_stamp() {
  { cat AiChat.csproj Directory.Build.props global.json packages.lock.json scripts/sqlite scripts/sysroot scripts/old-systems.c scripts/compile scripts/publish
    # Outside of git, in a source archive, every file counts.
    { git ls-files -z --cached --others --exclude-standard -- "${SOURCES[@]}" 2>/dev/null || find "${SOURCES[@]}" -type f -print0; } |
      LC_ALL=C sort -z | xargs -0 sha256sum 2>/dev/null || true
  } | sha256sum | cut -d' ' -f1
}

binary_is_current() { [ -x "$BINARY" ] && [ "$(cat artifacts/publish.stamp 2>/dev/null)" = "$(source_stamp)" ]; }

# One build at a time in this clone, however many scripts ask for one: descriptor 9 holds the lock until unlock_builds or the end of the
# script. What is started meanwhile is given 9>&-, because the compiler leaves servers behind, which would keep it.
lock_builds() {
  mkdir -p artifacts
  exec 9>artifacts/build.lock
  flock -n 9 || { echo "Another build in this clone is running; waiting for it (artifacts/publish.log says where it is)."; flock 9; }
}
unlock_builds() { exec 9>&-; }

# Publishes when the binary is missing or older than the sources; quiet unless it fails.
need_binary() {
  if binary_is_current; then return 0; fi
  lock_builds
  if binary_is_current; then unlock_builds; return 0; fi
  need_native_tools 9>&-
  echo "Building the native executable from the sources: two to four minutes on two cores, only when they changed (details in artifacts/publish.log)."
  BUILDS_LOCKED=1 logged artifacts/publish.log scripts/publish 9>&-
  unlock_builds
  tail -1 artifacts/publish.log
}

# logged LOG COMMAND...: runs a command into a log and tells how far it is; ends the script with the log's end when it fails.
logged() {
  local log="$1" teller ok=0; shift
  : >"$log"
  tell_progress "$log" &
  teller=$!
  "$@" >"$log" 2>&1 </dev/null || ok=1
  kill "$teller" 2>/dev/null || true
  wait "$teller" 2>/dev/null || true
  [ ! -t 1 ] || printf '\r\033[K'
  [ "$ok" = 0 ] || { tail -40 "$log" >&2; fail "the build failed; the whole log is in $log"; }
}

# Says how long it has been and what the log's last line is, so that a long build is not taken for a hung one: in one line of a terminal, which
# it writes again every second, elsewhere in a line every 15 seconds.
tell_progress() { # LOG
  local start=$SECONDS begin='  ' end='\n' every=15
  [ ! -t 1 ] || { begin='\r\033[K  ' end='' every=1; }
  while sleep "$every" >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    # shellcheck disable=SC2059
    printf "$begin%d:%02d  %s$end" $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)) "$(tail -n 1 "$1" | sed "s|$ROOT/||g; s/^ *//" | cut -c 1-70)"
  done
}

# Totals of every suite that ran, one line each: name passed failed skipped.
TOTALS="$ROOT/artifacts/test-results/totals"
add_total() { mkdir -p "$(dirname "$TOTALS")"; printf '%s %s %s %s\n' "$@" >>"$TOTALS"; }
# What failed, with its message, so that it stands next to the totals and not thousands of lines above them.
FAILURES="$ROOT/artifacts/test-results/failures"

# Prints what failed and the totals; false when anything failed or nothing ran. The last line is for machines.
print_totals() {
  touch "$TOTALS"
  [ ! -s "$FAILURES" ] || { echo "Failed:"; cat "$FAILURES"; }
  awk '{ printf "  %-22s %5d passed %4d failed %4d skipped\n", $1, $2, $3, $4; p += $2; f += $3 }
       END { printf "%d passed, %d failed\n", p, f; exit (f > 0 || p == 0) }' "$TOTALS"
}
