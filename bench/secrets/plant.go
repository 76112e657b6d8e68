package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// item is a thing that was planted: a file, and whether it is a secret.
type item struct {
	kind, path string // path in the root
	hit        bool
}

// planter writes items below a root. Keys are made when it runs.
type planter struct {
	root, tmp string
	items     []item
	err       error
}

// run runs a program and returns what it prints.
func (p *planter) run(name string, args ...string) []byte {
	if p.err != nil {
		return nil
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = p.tmp
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, &stderr)
	}
	return out
}

// read reads a file that a program wrote.
func (p *planter) read(name string) []byte {
	if p.err != nil {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(p.tmp, name))
	p.err = err
	return b
}

func (p *planter) write(path string, data []byte) {
	if p.err != nil {
		return
	}
	full := filepath.Join(p.root, path)
	if p.err = os.MkdirAll(filepath.Dir(full), 0o755); p.err != nil {
		return
	}
	os.Remove(full) // it may be a hard link into the clean root
	p.err = os.WriteFile(full, data, 0o644)
}

// secret plants what must be found; other what must not.
func (p *planter) secret(kind, path string, data []byte) {
	p.write(path, data)
	p.items = append(p.items, item{kind, path, true})
}

func (p *planter) text(kind, path, data string) { p.secret(kind, path, []byte(data)) }

func (p *planter) other(kind, path, data string) {
	p.write(path, []byte(data))
	p.items = append(p.items, item{kind, path, false})
}

const letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// word is a password of n letters and digits.
func word(n int) string { return from(letters, n) }

func from(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err)
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// program builds a stripped ELF of C source.
func (p *planter) program(source string) []byte {
	if p.err == nil {
		p.err = os.WriteFile(filepath.Join(p.tmp, "a.c"), []byte(source), 0o644)
	}
	p.run("gcc", "-O2", "-s", "-o", "a.out", "a.c")
	return p.read("a.out")
}

// bytesOf is a C array.
func bytesOf(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "%d,", c)
	}
	return s.String()
}

// keys plants keys and key stores.
func (p *planter) keys() {
	rsa := p.run("openssl", "genrsa", "-traditional", "2048")
	p.secret("PEM PKCS#1", "etc/ssl/private/a1.key", rsa)
	p.secret("PEM PKCS#8", "etc/ssl/private/a2.key", p.run("openssl", "genrsa", "3072"))
	p.secret("PEM SEC 1", "etc/ssl/private/a3.key", p.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"))
	p.secret("PEM Ed25519", "etc/ssl/private/a4.key", p.run("openssl", "genpkey", "-algorithm", "ed25519"))
	p.secret("PEM, encrypted (RFC 1421)", "etc/ssl/private/a5.key", p.run("openssl", "genrsa", "-traditional", "-aes128", "-passout", "pass:"+word(9), "2048"))
	p.secret("PEM, encrypted PKCS#8", "etc/ssl/private/a6.key", p.run("openssl", "genpkey", "-algorithm", "rsa", "-aes256", "-pass", "pass:"+word(9)))
	p.run("openssl", "dsaparam", "-out", "dsa", "2048")
	p.secret("PEM DSA", "etc/ssl/private/a7.key", p.run("openssl", "gendsa", "dsa"))
	fresh := func() string { return string(p.run("openssl", "genrsa", "-traditional", "2048")) }
	quoted, _ := json.Marshal(fresh())
	p.text("PEM in JSON", "etc/agent/agent.json", `{"name":"agent","key":`+string(quoted)+`}`)
	p.text("PEM in XML", "etc/agent/agent.xml", "<agent><key>"+strings.ReplaceAll(fresh(), "\n", "&#10;")+"</key></agent>\n")
	p.text("PEM in base64", "etc/kube/config", "users:\n- user:\n    client-key-data: "+base64.StdEncoding.EncodeToString([]byte(fresh()))+"\n")
	p.secret("PEM in a program", "usr/sbin/tool1", p.program(fmt.Sprintf("#include <stdio.h>\nconst char *k = %q;\nint main(void) { puts(k); }\n", fresh())))
	table := ""
	for _, line := range strings.Split(strings.TrimSpace(fresh()), "\n") {
		table += fmt.Sprintf("%q,\n", line+"\n")
	}
	p.secret("PEM as a table of strings in a program", "usr/sbin/tool2", p.program("#include <stdio.h>\nconst char k[][80] = {\n"+table+"};\nint main(int c, char **v) { puts(k[c]); }\n"))
	der := func(args ...string) []byte {
		p.run("openssl", "genpkey", "-algorithm", "rsa", "-out", "k.pem")
		return p.run("openssl", append([]string{"rsa", "-in", "k.pem", "-outform", "DER"}, args...)...)
	}
	p.secret("DER PKCS#1", "etc/ssl/private/b1.der", der("-traditional"))
	p.secret("DER PKCS#8 in a program", "usr/sbin/tool3", p.program("#include <stdio.h>\nconst unsigned char k[] = {"+bytesOf(p.run("openssl", "genpkey", "-algorithm", "rsa", "-outform", "DER"))+"};\nint main(int c, char **v) { return k[c]; }\n"))
	p.secret("DER SEC 1", "etc/ssl/private/b2.der", p.run("openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-outform", "DER"))
	p.secret("DER EC PKCS#8 in a blob", "lib/firmware/card.bin", append(random(5000), append(p.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER"), random(300)...)...))
	p.run("openssl", "genpkey", "-algorithm", "rsa", "-out", "k.pem")
	p.secret("DER, encrypted PKCS#8", "etc/ssl/private/b3.der", p.run("openssl", "pkcs8", "-topk8", "-in", "k.pem", "-outform", "DER", "-passout", "pass:"+word(9)))
	p.text("base64 of DER in XML", "etc/agent/cwmp.xml", "<cwmp><clientKey>"+base64.StdEncoding.EncodeToString(der("-traditional"))+"</clientKey></cwmp>\n")
	p.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "s1")
	p.secret("OpenSSH Ed25519", "etc/ssh/ssh_host_ed25519_key", p.read("s1"))
	p.run("ssh-keygen", "-q", "-t", "rsa", "-N", word(8), "-f", "s2")
	p.secret("OpenSSH RSA, encrypted", "root/.ssh/id_rsa", p.read("s2"))
	for _, t := range []string{"rsa", "ecdsa", "ed25519"} {
		p.run("dropbearkey", "-t", t, "-f", "d-"+t)
		p.secret("Dropbear "+t, "etc/dropbear/dropbear_"+t+"_host_key", p.read("d-"+t))
	}
	for i, v := range []string{"2", "3"} {
		p.run("ssh-keygen", "-q", "-t", []string{"rsa", "ed25519"}[i], "-N", "", "-f", "p"+v)
		p.run("puttygen", "p"+v, "-O", "private", "-o", "p"+v+".ppk", "--ppk-param", "version="+v)
		p.secret("PuTTY "+v, "root/key"+v+".ppk", p.read("p"+v+".ppk"))
	}
	for _, t := range []string{"JKS", "JCEKS"} {
		p.run("keytool", "-genkeypair", "-keyalg", "RSA", "-storetype", t, "-keystore", t, "-storepass", "Example1", "-keypass", "Example1", "-dname", "CN=ems.example", "-alias", "ems")
		p.secret(t, "opt/ems/"+strings.ToLower(t)+".store", p.read(t))
	}
	p.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "r.key", "-out", "r.crt", "-subj", "/CN=olt.example", "-days", "30")
	p.run("openssl", "pkcs12", "-export", "-in", "r.crt", "-inkey", "r.key", "-out", "r.p12", "-passout", "pass:"+word(8))
	p.secret("PKCS#12", "opt/ems/web.p12", p.read("r.p12"))
	p.run("openvpn", "--genkey", "secret", "ta.key")
	p.secret("OpenVPN static key", "etc/openvpn/ta.key", p.read("ta.key"))
	p.run("openvpn", "--genkey", "secret", "tb.key")
	p.text("OpenVPN inline", "etc/openvpn/client.ovpn", "client\nremote vpn.example 1194\n<tls-auth>\n"+string(p.read("tb.key"))+"</tls-auth>\n")
	p.text("WireGuard", "etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = "+strings.TrimSpace(string(p.run("wg", "genkey")))+"\nListenPort = 51820\n")
	p.secret("age", "etc/backup/age.txt", p.run("age-keygen"))
	os.MkdirAll(filepath.Join(p.tmp, "g"), 0o700)
	p.run("gpg", "--homedir", "g", "--batch", "-q", "--passphrase", "", "--quick-gen-key", "build@example.example", "rsa2048")
	p.secret("OpenPGP", "etc/update/sign.asc", p.run("gpg", "--homedir", "g", "--batch", "-q", "--armor", "--export-secret-keys"))
}

// settings plants credentials in configuration.
func (p *planter) settings() {
	p.text("SNMP community", "etc/snmp/snmpd.local.conf", "rocommunity "+word(9)+" 192.0.2.0/24\nrwcommunity "+word(9)+"\n")
	p.text("SNMP version 3 user", "var/lib/snmp/snmpd.conf", "createUser admin SHA \""+word(12)+"\" AES\n")
	p.text("CHAP secrets", "etc/ppp/chap-secrets", "# client server secret\nolt\t*\t\""+word(10)+"\"\t*\n")
	p.text("PPP peer", "etc/ppp/peers/isp", "noauth\ndefaultroute\nuser cpe1\npassword "+word(10)+"\n")
	p.text("hostapd", "etc/hostapd/wlan0.conf", "interface=wlan0\nssid=lab\nwpa=2\nwpa_passphrase="+word(12)+"\n")
	p.text("wpa_supplicant", "etc/wpa_supplicant/wlan0.conf", "network={\n\tssid=\"lab\"\n\tpsk=\""+word(12)+"\"\n}\n")
	p.text("UCI wireless", "etc/config/wireless", "config wifi-iface\n\toption ssid 'lab'\n\toption encryption 'psk2'\n\toption key '"+word(11)+"'\n")
	p.text("NetworkManager", "etc/NetworkManager/system-connections/lab.nmconnection", "[wifi]\nssid=lab\n\n[wifi-security]\nkey-mgmt=wpa-psk\npsk="+word(12)+"\n")
	p.text("TR-069 in XML", "etc/cwmp/params.xml", "<InternetGatewayDevice><ManagementServer><URL>http://acs.example:7547/</URL><Username>cpe</Username><Password>"+word(10)+"</Password></ManagementServer></InternetGatewayDevice>\n")
	p.text("TR-069 by name and value", "etc/cwmp/set.xml", "<ParameterValueStruct><Name>InternetGatewayDevice.ManagementServer.ConnectionRequestPassword</Name><Value xsi:type=\"xsd:string\">"+word(10)+"</Value></ParameterValueStruct>\n")
	p.text("TR-069 in UCI", "etc/config/easycwmp", "config acs\n\toption url 'http://acs.example/'\n\toption username 'cpe'\n\toption password '"+word(9)+"'\n")
	nvram := []byte("FLSH\x34\x12\x00\x00")
	for _, s := range []string{"lan_ipaddr=192.168.1.1", "http_username=admin", "http_passwd=" + word(8), "wl0_wpa_psk=" + word(12), "pppoe_passwd=" + word(9)} {
		nvram = append(append(nvram, s...), 0)
	}
	p.secret("nvram, binary", "mnt/nvram.bin", append(nvram, make([]byte, 4000)...))
	p.text("nvram, text", "etc/nvram.default", "lan_proto=dhcp\nhttp_passwd="+word(8)+"\nwan_hostname=cpe\n")
	p.text("SIP account", "etc/asterisk/sip.conf", "[general]\ncontext=default\n\n[100]\ntype=friend\nsecret="+word(10)+"\nhost=dynamic\n")
	p.text("RADIUS client", "etc/freeradius/clients.conf", "client olt1 {\n\tipaddr = 192.0.2.1\n\tsecret = "+word(12)+"\n}\n")
	p.text("RADIUS in hostapd", "etc/hostapd/wlan1.conf", "interface=wlan1\nauth_server_addr=192.0.2.5\nauth_server_shared_secret="+word(12)+"\n")
	p.text("IPsec PSK", "etc/ipsec.secrets", "192.0.2.1 198.51.100.1 : PSK \""+word(16)+"\"\n")
	p.text("Cisco-like configuration", "etc/startup-config", "hostname olt\nenable secret "+word(9)+"\nusername ops password 0 "+word(9)+"\nsnmp-server community "+word(8)+" RO\ntacacs-server key "+word(10)+"\n")
	p.run("htpasswd", "-bc", "ht", "admin", word(9))
	p.secret("htpasswd", "etc/lighttpd/users.htpasswd", p.read("ht"))
	p.text("htdigest", "etc/lighttpd/htdigest.user", "admin:olt:"+fmt.Sprintf("%x", random(16))+"\n")
	p.text("password in a URL", "usr/bin/backup.sh", "#!/bin/sh\nwget -q ftp://backup:"+word(9)+"@ftp.exampletel.example/conf\n")
	p.secret("password in a URL in a program", "usr/sbin/tool4", p.program(fmt.Sprintf("#include <stdlib.h>\nint main(void) { return system(%q); }\n", "curl -s https://agent:"+word(10)+"@log.exampletel.example/up")))
	p.text("MySQL options", "etc/mysql/agent.cnf", "[client]\nuser = agent\npassword = "+word(10)+"\n")
	p.text("LDAP bind", "etc/nslcd.local.conf", "uri ldap://192.0.2.9/\nbinddn cn=agent,dc=example\nbindpw "+word(10)+"\n")
	p.text("MQTT bridge", "etc/mosquitto/bridge.conf", "connection cloud\nremote_username agent\nremote_password "+word(10)+"\n")
	p.text("AWS credentials", "root/.aws/credentials", "[default]\naws_access_key_id = AKIA"+from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)+"\naws_secret_access_key = "+from(letters+"+/", 38)+"2a\n")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"ems.example","sub":"agent"}`))
	p.text("JSON Web Token", "etc/agent/token", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."+claims+"."+base64.RawURLEncoding.EncodeToString(random(32))+"\n")
	body := from(letters, 30)
	sum, tail := crc32.ChecksumIEEE([]byte(body)), ""
	for range 6 {
		tail = string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[sum%62]) + tail
		sum /= 62
	}
	p.text("GitHub token", "root/.git-credentials", "token ghp_"+body+tail+"\n")
	p.text("Slack token", "etc/agent/notify.conf", "slack = xoxb-"+from("123456789", 12)+"-"+from("123456789", 12)+"-"+word(24)+"\n")
	key, _ := json.Marshal(string(p.run("openssl", "genpkey", "-algorithm", "rsa")))
	p.text("GCP service account", "etc/agent/gcp.json", `{"type": "service_account", "project_id": "lab", "private_key": `+string(key)+`}`)
	p.text("password by name alone", "etc/oamd.conf", "listen = 8443\noam_password = "+word(10)+"\n")
	// forms of vendors' exports, written down before they were tried
	p.text("attributes of XML instances", "etc/ctree.xml", "<Cfg><X_CLIUserInfoInstance InstanceID=\"1\" Username=\"root\" Userpassword=\""+word(9)+"\"/></Cfg>\n")
	p.text("name and val in XML", "etc/db_user.xml", "<Tbl name=\"WANPPP\"><DM name=\"UserName\" val=\"u\"/><DM name=\"Password\" val=\""+word(9)+"\"/></Tbl>\n")
	p.text("val without quotes in XML", "etc/reduced.xml", "<X_PreSharedKey val="+word(10)+" />\n<wlan val=1 />\n")
	p.text("script of a router", "etc/backup.rsc", "/ppp secret\nadd name=a password="+word(9)+"\n")
	p.text("netrc", "root/.netrc", "machine ftp.isp.example login a password "+word(9)+"\n")
	p.text("environment", "etc/prod.env", "POSTGRES_PASSWORD="+word(10)+"\n")
	p.text("PPP in UCI", "etc/config/network", "config interface wan\n\toption proto pppoe\n\toption username u\n\toption password "+word(9)+"\n")
	p.text("YAML", "etc/agent/agent.yaml", "mqtt:\n  mqtt_password: "+word(9)+"\n")
	p.text("dynamic DNS", "etc/ddclient.conf", "protocol=dyndns2\nlogin=a\npassword='"+word(9)+"'\n")
	p.text("servers of a RADIUS client", "etc/radiusclient/servers", "192.0.2.1 "+word(12)+"\n")
	p.text("tac_plus", "etc/tac_plus.conf", "key = \""+word(10)+"\"\naccounting file = /var/log/tac\n")

	// inside a squashfs
	inner := &planter{root: filepath.Join(p.tmp, "sq"), tmp: p.tmp}
	inner.write("etc/ssl/x.key", p.run("openssl", "genrsa", "-traditional", "2048"))
	inner.write("etc/hostapd.conf", []byte("wpa_passphrase="+word(12)+"\n"))
	inner.write("usr/bin/agent", p.program("#include <stdio.h>\nconst unsigned char k[] = {"+bytesOf(p.run("openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"))+"};\nint main(int c, char **v) { return k[c]; }\n"))
	p.run("mksquashfs", "sq", "sq.img", "-quiet", "-noappend", "-comp", "xz")
	p.write("opt/card.sqfs", p.read("sq.img"))
	for _, x := range [][2]string{{"PEM in squashfs", "etc/ssl/x.key"}, {"hostapd in squashfs", "etc/hostapd.conf"}, {"DER in a program in squashfs", "usr/bin/agent"}} {
		p.items = append(p.items, item{x[0], "opt/card.sqfs/" + x[1], true})
	}
	if p.err == nil {
		p.err = inner.err
	}
}

// others plants what looks like a secret and is none.
func (p *planter) others() {
	p.other("public key", "etc/ssl/pub.pem", string(p.run("openssl", "pkey", "-in", "k.pem", "-pubout")))
	p.other("public SSH key", "etc/ssh/known_hosts.local", "olt.example "+string(p.read("s1.pub")))
	p.other("certificate", "etc/ssl/other.crt", string(p.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a.example", "-addext", "basicConstraints=critical,CA:FALSE", "-days", "3000")))
	p.other("variables", "etc/agent/template.conf", "password = ${AGENT_PASSWORD}\npsk=%PSK%\nwpa_passphrase=@WPA@\nsecret = $SECRET\n")
	p.other("comments", "etc/agent/commented.conf", "# password = "+word(9)+"\n;wpa_passphrase="+word(9)+"\n// secret: "+word(9)+"\n")
	p.other("empty values", "etc/agent/empty.conf", "password =\nwpa_passphrase=\"\"\n<Password></Password>\nbindpw\n")
	p.other("words for values", "etc/agent/words.conf", "password = changeme\npassword: none\nadmin_password = \"your_password_here\"\nrocommunity ********\n")
	p.other("PAM", "etc/pam.d/agent", "password\trequisite\tpam_deny.so\npassword [success=1 default=ignore] pam_unix.so obscure yescrypt\n")
	p.other("nsswitch", "etc/nsswitch.local.conf", "passwd:         files systemd\nshadow: files\n")
	p.other("example token", "etc/agent/jwt.example.conf", "t=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c\n")
	p.other("example AWS key", "etc/agent/aws.conf", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
	p.other("source", "usr/lib/agent/login.py", "password = input('password: ')\nself.secret = secret\nPASSWORD_FIELD = 'password'\nurl = 'http://%s:%s@%s/' % (user, password, host)\n")
	p.other("form of a web page", "srv/www/login.html", "<input type=\"password\" name=\"password\" value=\"\"><label>Password: secret word</label>\n")
	p.other("URL of a manual", "usr/share/agent/help.txt", "fetch ftp://user:password@host/path\n")
	p.other("documentation", "usr/share/doc/agent/examples/wpa.conf", "network={\n\tpsk=\""+word(10)+"\"\n}\n")
	p.other("a key cut short", "etc/ssl/cut.pem", string(p.read("r.key")[:900]))
	p.other("labels", "usr/sbin/tool5", string(p.program("#include <stdio.h>\nint main(void) { puts(\"-----BEGIN RSA PRIVATE KEY-----\"); puts(\"-----END RSA PRIVATE KEY-----\"); puts(\"http_passwd=%s\"); puts(\"ftp://%s:%s@%s/\"); }\n")))
	p.other("GitHub token with a wrong checksum", "etc/agent/git.conf", "t = ghp_"+strings.Repeat("a1B2", 9)+"\n")
}
