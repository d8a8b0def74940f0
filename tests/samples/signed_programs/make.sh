#!/bin/sh
# Makes the programs beside this file, with real compilers and signers, and certificates of nobody:
# gcc-mingw-w64-x86-64-win32, binutils-mingw-w64-x86-64, lld-14, clang-14, openssl, osslsigncode of Debian 12.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
cd "$work"

cat > hello.c <<'C'
int start(void) { return 42; }
C
cat > hello.rc <<'C'
1 VERSIONINFO
FILEVERSION 1,2,3,0
PRODUCTVERSION 1,2,3,0
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904b0"
    BEGIN
      VALUE "CompanyName", "Example, Inc."
      VALUE "FileDescription", "Says nothing, \xe4\xf6\xfc"
      VALUE "ProductName", "Example Tool"
      VALUE "ProductVersion", "1.2.3.0"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
C
x86_64-w64-mingw32-windres hello.rc -o hello.res.o
x86_64-w64-mingw32-gcc -nostdlib -s -Wl,-e,start -Wl,--no-insert-timestamp hello.c hello.res.o -o unsigned.exe
openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -keyout ca.key -out ca.pem -subj "/O=Nobody/CN=Nobody's Root" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr \
  -subj "/C=US/O=Example, Inc./OU=TEAM123456/CN=Example, Inc." 2>/dev/null
printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' > leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile leaf.ext -out leaf.pem 2>/dev/null
cat leaf.pem ca.pem > chain.pem
for digest in sha256 sha1; do
  osslsigncode sign -h $digest -certs chain.pem -key leaf.key -in unsigned.exe -out signed-$digest.exe >/dev/null
done
osslsigncode sign -h sha384 -nest -certs chain.pem -key leaf.key -in signed-sha256.exe -out signed-twice.exe >/dev/null

for arch in arm64 x86_64; do
  clang-14 -target $arch-apple-macos12 -c hello.c -o hello-$arch.o
  ld64.lld-14 -arch $arch -platform_version macos 12.0 12.0 -adhoc_codesign -dylib hello-$arch.o -o adhoc-$arch \
    -install_name com.example.tool
done
cp unsigned.exe signed-sha256.exe signed-sha1.exe signed-twice.exe adhoc-arm64 adhoc-x86_64 "$here"
chmod 644 "$here"/*
rm -r "$work"
