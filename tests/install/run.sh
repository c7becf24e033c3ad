#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD: installs what lies in the build folder BUILD into a prefix that it was not configured with, and builds one
# program against it in the four ways a host has: pkg-config and find_package, shared and static; another one against
# libocc-curl, where it was built. Prints TAP.

build=${1:?build folder}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../checks/tap.sh"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
prefix=$work/prefix
libdir=$prefix/$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' "$build/CMakeCache.txt")
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:[A-Z]*=//p' "$build/CMakeCache.txt")
export PKG_CONFIG_PATH="$libdir/pkgconfig"

# try COMMAND...: its output, and a word if it failed.
try() {
  "$@" >"$work/out" 2>&1 || {
    cat "$work/out"
    echo "failed: $*"
  }
}

# runs PROGRAM: it says the version, needs libocc.so or not as it should (shared, static).
runs() {
  said=$(LD_LIBRARY_PATH=$libdir "$1" 2>&1)
  [ "$said" = "$version" ] || echo "$1 said: $said, not $version"
  if readelf -d "$1" | grep -q 'NEEDED.*libocc\.so'; then
    [ "$2" = shared ] || echo "$1 needs libocc.so"
  else
    [ "$2" = static ] || echo "$1 does not need libocc.so"
  fi
}

report 'install' "$(try cmake --install "$build" --prefix "$prefix")"
report 'pkg-config knows the version' "$(
  [ "$(pkg-config --modversion libocc 2>&1)" = "$version" ] || pkg-config --modversion libocc 2>&1)"

# shellcheck disable=SC2046 # pkg-config prints words
report 'pkg-config, shared' "$(
  try "$cc" -o "$work/shared" "$here/host.c" $(pkg-config --cflags --libs libocc) && runs "$work/shared" shared)"
# shellcheck disable=SC2046
report 'pkg-config, static' "$(
  try "$cc" -o "$work/static" "$here/host.c" \
    $(pkg-config --static --cflags --libs libocc | sed 's/-locc/-l:libocc.a/') && runs "$work/static" static)"

for kind in shared static; do
  target=occ::occ
  [ $kind = static ] && target=occ::occ_static
  report "find_package, $kind" "$(
    try cmake -S "$here" -B "$work/cmake-$kind" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
      -DHOST_LINKS=$target &&
      try cmake --build "$work/cmake-$kind" && runs "$work/cmake-$kind/host" $kind)"
done

if [ -f "$libdir/pkgconfig/libocc-curl.pc" ]; then
  # shellcheck disable=SC2046
  report 'libocc-curl, pkg-config, shared' "$(
    try "$cc" -o "$work/curl-shared" "$here/curl_host.c" $(pkg-config --cflags --libs libocc-curl libocc) &&
      runs "$work/curl-shared" shared)"
  # shellcheck disable=SC2046
  report 'libocc-curl, pkg-config, static' "$(
    try "$cc" -o "$work/curl-static" "$here/curl_host.c" \
      $(pkg-config --cflags libocc-curl) -L"$libdir" -l:libocc-curl.a -l:libocc.a \
      $(pkg-config --libs libcurl jansson libcrypto) -pthread && # libcurl itself stays shared
      runs "$work/curl-static" static)"
  for kind in shared static; do
    target='occ::occ-curl;occ::occ'
    [ $kind = static ] && target='occ::occ-curl_static'
    report "libocc-curl, find_package, $kind" "$(
      try cmake -S "$here" -B "$work/curl-cmake-$kind" -G Ninja -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
        -DHOST_LINKS="$target" -DHOST=curl_host -DHOST_COMPONENTS=curl &&
        try cmake --build "$work/curl-cmake-$kind" && runs "$work/curl-cmake-$kind/host" $kind)"
  done
  report 'libocc needs no libcurl' "$(readelf -d "$libdir/libocc.so" | grep 'NEEDED.*curl')"
fi

report 'every public header is installed' "$(
  for header in "$here"/../../include/occ/*.h; do
    [ "${header##*/}" = curl.h ] && [ ! -f "$libdir/pkgconfig/libocc-curl.pc" ] && continue
    [ -f "$prefix/include/occ/$(basename "$header")" ] || echo "$header"
  done)"
report 'the shared library has its soname' "$(
  readelf -d "$libdir/libocc.so" | grep -q "SONAME.*libocc\.so\.${version%.*}\]" || readelf -d "$libdir/libocc.so")"
finish
