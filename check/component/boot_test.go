package component

import (
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

// A kernel's configuration states its version and what was built.
func TestConfiguration(t *testing.T) {
	text := "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm 5.10.42 Kernel Configuration\n#\nCONFIG_NET=y\n# CONFIG_SMP is not set\nCONFIG_USB_NET_AX8817X=m\nCONFIG_HZ=100\nCONFIG_CMDLINE=\"quiet\"\n"
	facts, err := checktest.Node(t, Check(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range facts {
		got = append(got, f.Kind+" "+f.Attr("name")+f.Attr("version")+f.Attr("value")+" "+text[f.Off:f.Off+f.Len])
	}
	const want = "configuration 5.10.42 # Linux/arm 5.10.42 Kernel Configuration; option NETy CONFIG_NET=y; option USB_NET_AX8817Xm CONFIG_USB_NET_AX8817X=m"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("%q, want %q", s, want)
	}
	for _, head := range []string{"# Linux kernel version: 2.6.30.9\n", "# Linux/mips 3.18.20 Kernel Configuration\n"} {
		if names, _ := named(t, map[string][]byte{"fw/boot/config": []byte("#\n" + head + "CONFIG_NET=y\n")}); len(names) != 1 || !strings.HasPrefix(names[0], "linux ") {
			t.Errorf("%q: %q", head, names)
		}
	}
	// The banner decides.
	banner := append(make([]byte, 128<<10), "Linux version 5.10.176 (builder@host) (gcc 8.4.0) #0 SMP\n\x00"...)
	if names, _ := named(t, map[string][]byte{"fw/boot/config": []byte(text), "fw/boot/vmlinux": banner}); len(names) != 1 || !strings.HasPrefix(names[0], "linux 5.10.176 ") {
		t.Errorf("%q", names)
	}
}

// An environment has zeros between its variables; a text that shows one has
// lines.
func TestEnvironment(t *testing.T) {
	for text, want := range map[string]string{
		"bootcmd=bootm\x00bootdelay=3\x00ver=U-Boot 2013.07 (Jul 28 2017 - 17:10:01)\x00\x00": "u-boot 2013.07 likely",
		"bootcmd=bootm\nbootdelay=3\nver=U-Boot 2013.07 (Jul 28 2017 - 17:10:01)\n":           "",
	} {
		if names, _ := named(t, map[string][]byte{"fw/environment": []byte(text)}); strings.Join(names, "; ") != want {
			t.Errorf("%q: %q, want %q", text, names, want)
		}
	}
}
