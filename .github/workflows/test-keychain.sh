#!/bin/sh
# A throw-away key that signs programs and packages on this Mac only: test-keychain.sh FOLDER.
set -eu
cd "$1"
cat >request.cnf <<'CONFIG'
[req]
distinguished_name = name
x509_extensions = uses
prompt = no
[name]
CN = Interdict test
[uses]
keyUsage = critical, digitalSignature
# Code, and Apple's own number for packages.
extendedKeyUsage = critical, codeSigning, 1.2.840.113635.100.4.13
CONFIG
password=$(/usr/bin/openssl rand -hex 16)
/usr/bin/openssl req -x509 -newkey rsa:3072 -nodes -days 2 -config request.cnf -keyout key.pem -out certificate.pem
/usr/bin/openssl pkcs12 -export -inkey key.pem -in certificate.pem -out key.p12 -passout "pass:$password"
keychain=$PWD/interdict-test.keychain-db
security create-keychain -p "$password" "$keychain"
security set-keychain-settings "$keychain"
security unlock-keychain -p "$password" "$keychain"
security import key.p12 -k "$keychain" -P "$password" -A
security set-key-partition-list -S apple-tool:,apple:,codesign: -s -k "$password" "$keychain" >/dev/null
security list-keychains -d user -s "$keychain" login.keychain
sudo security authorizationdb write com.apple.trust-settings.admin allow
sudo security add-trusted-cert -d -r trustRoot -p codeSign -p pkgSign -k /Library/Keychains/System.keychain certificate.pem
rm key.pem key.p12
security find-identity -v "$keychain"
