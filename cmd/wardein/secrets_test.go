package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTellsNoSecret plants known keys and passwords, and looks for them, for
// their bytes in other forms, and for unsalted digests of passwords in all
// that inspect and the verbs after it print and write.
func TestTellsNoSecret(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	release := filepath.Join(work, "release")
	key := "MC4CAQAwBQYDK2VwBCIEINIQWVL+oAiNEeZuRKN4N06NFJlke7Rw0TPTu+En3Gki"
	passwords := []string{"Quince-4417-wlan", "Quince-4417-ppp", "Quince-4417-acs", "Quince-4417-snmp", "Quince-4417-url", "Quince-4417-nvram", "Quince-4417-web",
		"Quince-4417-boot", "Quince-4417-sql"}
	hashes := []string{"UiL0Nl3TMZzuJ1dYgVbgL1", "Q8p6bTMs0nJ0a1nBTlMlq0"}
	for file, text := range map[string]string{
		"etc/ssl/private/a.key":            "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----\n",
		"etc/hostapd.conf":                 "ssid=lab\nwpa_passphrase=" + passwords[0] + "\n",
		"etc/ppp/chap-secrets":             "olt * \"" + passwords[1] + "\" *\n",
		"etc/cwmp.xml":                     "<ManagementServer><Password>" + passwords[2] + "</Password></ManagementServer>\n",
		"etc/snmp/snmpd.conf":              "rocommunity " + passwords[3] + "\nagentaddress udp:161\n",
		"etc/init.d/S99up":                 "#!/bin/sh\nwget -q http://agent:" + passwords[4] + "@203.0.113.9/up.bin -O /tmp/up && sh /tmp/up\ntelnetd -l /bin/login\n",
		"mnt/nvram":                        "HDR\x00\x01http_passwd=" + passwords[5] + "\x00telnet_passwd=" + passwords[5] + "\x00",
		"etc/lighttpd/users.htpasswd":      "admin:$apr1$Zt1x0b0a$" + hashes[0] + "\n",
		"etc/passwd":                       "root:x:0:0:root:/root:/bin/sh\n",
		"etc/shadow":                       "root:$1$Zt1x0b0a$" + hashes[1] + ":19000:0:99999:7:::\n",
		"etc/inittab":                      "::sysinit:/etc/init.d/S99up\n::respawn:/usr/sbin/agent --password " + passwords[7] + "\n",
		"etc/systemd/system/agent.service": "[Service]\nEnvironment=DB_PASSWORD=" + passwords[8] + "\nExecStart=/usr/sbin/agent --db-password=" + passwords[8] + "\n[Install]\nWantedBy=multi-user.target\n",
		"etc/startup-config":               "username ops password 0 " + passwords[6] + "\n",
	} {
		path := filepath.Join(release, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(work, "own"), 0o700); err != nil {
		t.Fatal(err)
	}
	var said []byte
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(exe, args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(work, ".store"), "XDG_CONFIG_HOME="+work)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		said = append(said, out...)
	}
	args := []string{"inspect", "--publisher-name", "Example Lab", "--publisher-namespace", "https://lab.example", "--show-secrets", "own/found"}
	for kind := range kinds {
		args = append(args, "-o", kind+"=out."+kind)
	}
	run(append(args, release)...)
	run("inspect", "-q", release)
	run("inspect", "-q", "--published-defaults", "-o", "json=defaults.json", "-o", "table", release)
	run("show", "--report", "release", "--json")
	run("reuse", "release")
	run("reuse", "--write-keys", "keys.txt", "--name", "lab", "release")
	run("inspect", "-o", "json=known.json", "--keys", "keys.txt", release)
	run("gaps", "release")
	run("testcases", "release")
	files, err := filepath.Glob(filepath.Join(work, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			said = append(append(said, '\n'), b...)
		}
	}
	for _, rule := range []string{"secret.private-key", "secret.key-known", "secret.wifi", "secret.ppp", "secret.acs", "secret.snmp-community", "secret.url", "secret.login", "secret.web-user"} {
		if !bytes.Contains(said, []byte(rule)) {
			t.Errorf("%s is not found: the test shows nothing", rule)
		}
	}
	refuse := func(what, s string) {
		if i := bytes.Index(said, []byte(s)); i >= 0 {
			t.Errorf("%s is told: …%s…", what, said[max(0, i-160):min(len(said), i+80)])
		}
	}
	der, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	seed := der[16:]
	for name, s := range map[string]string{"the key in base64": key[24:60], "the key in hexadecimal": hex.EncodeToString(seed)[:32], "the key": string(seed)} {
		refuse(name, s)
	}
	for _, h := range hashes {
		refuse("a password hash", h)
	}
	for _, p := range passwords {
		refuse("password "+p, p)
		refuse("password in base64: "+p, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(p)), "=")[:18])
		m, s1, s2, s5 := md5.Sum([]byte(p)), sha1.Sum([]byte(p)), sha256.Sum256([]byte(p)), sha512.Sum512([]byte(p))
		for _, d := range [][]byte{m[:], s1[:], s2[:], s5[:]} {
			refuse("digest of "+p, hex.EncodeToString(d)[:20])
			refuse("digest of "+p, base64.StdEncoding.EncodeToString(d)[:16])
		}
	}
	found, err := os.ReadFile(filepath.Join(work, "own", "found"))
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(filepath.Join(work, "own", "found")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	for _, p := range append(passwords[:7:7], key) {
		if !bytes.Contains(found, []byte(p)) {
			t.Errorf("--show-secrets lacks %s", p)
		}
	}
}
