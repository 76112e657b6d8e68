package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Debian packages that the peers call, so that each can do its best.
const peerPackages = "binwalk unar lziprecover partclone 7zip p7zip-full sleuthkit cabextract srecord unyaffs dmg2img lzop lz4 zstd device-tree-compiler erofs-utils e2fsprogs android-sdk-libsparse-utils squashfs-tools mtd-utils pkg-config libfontconfig1-dev liblzma-dev"

// What the peers call and no registry here offers. sasquatch is a fork of
// unsquashfs; a wrapper of that name passes its arguments on to unsquashfs,
// which reads our image, so that a missing package costs the peers nothing.
const sasquatch = `#!/bin/bash
args=()
for a in "$@"; do
	case $a in -le|-be|-trace) ;; *) args+=("$a") ;; esac
done
exec unsquashfs "${args[@]}"
`

func install() error {
	if exists(filepath.Join(work, "peers-installed")) {
		return nil
	}
	for _, line := range []string{
		"apt-get update -q && apt-get install -y -q --no-install-recommends " + peerPackages,
		"test -x venv/bin/unblob || { python3 -m venv venv && venv/bin/pip install -q unblob; }",
		"venv/bin/pip install -q vmlinux-to-elf uefi-firmware || true",
		"test -x cargo/bin/binwalk || cargo install -q binwalk --root \"$PWD/cargo\"",
		"mkdir -p shims; ln -sf \"$(command -v 7zz)\" shims/7zzs",
	} {
		fmt.Fprintln(os.Stderr, "bench:", line)
		if err := sh(work, "%s", line); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(work, "shims", "sasquatch"), []byte(sasquatch), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, "peers-installed"), nil, 0o644)
}

func firstLine(path string, args ...string) string {
	cmd := exec.Command(path, args...)
	out, _ := cmd.CombinedOutput()
	for _, line := range strings.Split(string(out), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return "?"
}

// missing lists those of names that path does not hold.
func missing(path string, names ...string) string {
	var none []string
	for _, n := range names {
		found := false
		for _, d := range filepath.SplitList(path) {
			found = found || exists(filepath.Join(d, n))
		}
		if !found {
			none = append(none, n)
		}
	}
	if none == nil {
		return "no extractor missing"
	}
	return "missing extractors: " + strings.Join(none, ", ")
}

// peers are the other unpackers, run as their manuals say, recursively.
func peers() ([]job, error) {
	if err := install(); err != nil {
		return nil, err
	}
	plain := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	full := filepath.Join(work, "shims") + ":" + filepath.Join(work, "venv/bin") + ":" + plain
	env := []string{"PATH=" + full}
	binwalk3 := filepath.Join(work, "cargo/bin/binwalk")
	unblob := filepath.Join(work, "venv/bin/unblob")
	one := func(name, line string, env []string) func(string) []step {
		return func(v string) []step {
			return []step{{name: name, line: strings.ReplaceAll(line, "IMAGE", imagePath(v)), env: env, ok: []int{1}}}
		}
	}
	wrapped := "sasquatch is a wrapper around unsquashfs; "
	return []job{
		{name: "binwalk 2.3.4 scan", group: "peers", version: "2.3.4+dfsg1-1", steps: one("scan", "/usr/bin/binwalk IMAGE > scan.txt", []string{"PATH=" + plain}), note: "looks for signatures, extracts nothing"},
		{name: "binwalk 2.3.4 -Me", group: "peers", version: "2.3.4+dfsg1-1", steps: one("extract", "/usr/bin/binwalk -q -Me --run-as=root -C . IMAGE", []string{"PATH=" + plain}), note: missing(plain, "sasquatch", "unsquashfs", "7z", "jefferson", "ubireader_extract_files", "cabextract", "unrar", "cramfsck", "unstuff", "yaffshiv")},
		{name: "binwalk 3 -Me", group: "peers", version: firstLine(binwalk3, "--version"), tries: 3, steps: one("extract", binwalk3+" -Me -C out IMAGE > log.txt", env), note: "sometimes ends before its own workers have begun or are done, so the best of 3 runs counts; " + wrapped + missing(full, "7z", "7zzs", "cabextract", "dmg2img", "dtc", "dumpifs", "jefferson", "lz4", "lzfse", "lzop", "sasquatch", "sasquatch-v4be", "srec2bin", "tar", "tsk_recover", "ubireader_extract_files", "uefi-firmware-parser", "unrar", "unyaffs", "vmlinux-to-elf", "zstd")},
		{name: "unblob", group: "peers", version: "unblob " + firstLine(unblob, "--version"), steps: one("extract", unblob+" -e out IMAGE", env), note: wrapped + missing(full, "7z", "debugfs", "fsck.erofs", "jefferson", "lz4", "lziprecover", "lzop", "partclone.restore", "sasquatch", "sasquatch-v4be", "simg2img", "ubireader_extract_files", "ubireader_extract_images", "unar", "zstd")},
		{name: "7z x", group: "peers", version: firstLine("/usr/bin/7z", "i"), steps: one("extract", "7z x -y -bd -oout IMAGE > log.txt", []string{"PATH=" + plain}), note: "opens one container, does not recurse"},
	}, nil
}
