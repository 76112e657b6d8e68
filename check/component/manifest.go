package component

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// Kinds of text that declare packages, told by their first lines.
const (
	controlFile  = "dpkg"     // dpkg and opkg status, and one package's control file
	apkFile      = "apk"      // lib/apk/db/installed
	pythonFile   = "pypi"     // METADATA, PKG-INFO
	npmFile      = "npm"      // package.json
	javaFile     = "manifest" // META-INF/MANIFEST.MF
	mavenFile    = "maven"    // pom.properties
	osRelease    = "system"   // etc/os-release
	openwrtBuild = "openwrt"  // etc/openwrt_release
	noticeFile   = "notice"
	configFile   = "configuration" // of a Linux kernel
	rightsFile   = "copyright"     // of a Debian package
)

const (
	headSize    = 2048
	maxPackages = 9000 // of one file: the engine takes 10,000 facts
	maxNotice   = 4 << 20
	maxLicense  = 256
)

// manifestOf tells by its beginning which kind of declaration a text is.
func manifestOf(b wardein.Blob) string {
	head := make([]byte, min(headSize, b.Size))
	n, _ := b.ReadAt(head, 0)
	head = head[:n]
	s := string(head)
	first, _, _ := strings.Cut(s, "\n")
	switch {
	case strings.HasPrefix(s, "Package: ") && (strings.Contains(s, "\nVersion: ") || n == headSize):
		return controlFile
	case (strings.HasPrefix(s, "C:Q1") || strings.HasPrefix(s, "P:")) && (strings.Contains(s, "\nV:") || strings.HasPrefix(s, "C:Q1")):
		return apkFile
	case strings.HasPrefix(s, "Format: http") && strings.Contains(first, "/copyright-format/1.0"):
		return rightsFile
	case strings.HasPrefix(s, "Metadata-Version: "):
		return pythonFile
	case strings.HasPrefix(s, "Manifest-Version: "):
		return javaFile
	case strings.HasPrefix(s, "{") && strings.Contains(s, `"name"`) && strings.Contains(s, `"version"`) && b.Size <= 1<<20:
		return npmFile
	case strings.Contains(s, "groupId=") && strings.Contains(s, "artifactId=") && strings.Contains(s, "version="):
		return mavenFile
	case b.Size < headSize && strings.Contains("\n"+s, "\nID=") && strings.Contains("\n"+s, "\nNAME="):
		return osRelease
	case strings.HasPrefix(first, "DISTRIB_ID=") && b.Size < headSize:
		return openwrtBuild
	case configHead().MatchString(s):
		return configFile
	case b.Size <= maxNotice && (len(b.Hits(markNotice)) > 0 || len(b.Hits(markNotice2)) > 0):
		return noticeFile
	}
	return ""
}

// manifest states the packages that a text declares.
func manifest(b wardein.Blob, out func(wardein.Fact)) error {
	kind := manifestOf(b)
	m := &reader{kind: kind, out: out}
	switch kind {
	case npmFile:
		data := make([]byte, b.Size)
		if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
			return err
		}
		m.npm(data)
		return nil
	case noticeFile:
		return m.lines(b, m.notice)
	case configFile:
		return m.lines(b, m.configuration)
	case rightsFile:
		err := m.lines(b, m.rights)
		m.stateRights()
		return err
	case osRelease, openwrtBuild:
		err := m.lines(b, m.system)
		if m.fields["ID"] != "" {
			m.stateSystem(b.Size)
		}
		return err
	case apkFile:
		err := m.lines(b, m.apk)
		m.flush()
		return err
	case mavenFile, javaFile, pythonFile, controlFile:
		err := m.lines(b, m.control)
		m.flush()
		return err
	}
	return nil
}

// reader reads one declaration line by line.
type reader struct {
	kind   string
	out    func(wardein.Fact)
	fields map[string]string
	off, n int64 // of the entry's line that names the package
	stated int
	named  []string // licences
}

// lines hands out the lines of a text, at most 64 KiB of each.
func (m *reader) lines(b wardein.Blob, each func(line string, off int64)) error {
	r := bufio.NewReaderSize(io.NewSectionReader(b, 0, b.Size), 64<<10)
	m.fields = map[string]string{}
	for off := int64(0); ; {
		line, err := r.ReadSlice('\n')
		at := off
		off += int64(len(line))
		for err == bufio.ErrBufferFull {
			var more []byte
			more, err = r.ReadSlice('\n')
			off += int64(len(more))
		}
		if err != nil && err != io.EOF {
			return err
		}
		each(strings.TrimRight(string(bytes.TrimRight(line, "\r\n")), " "), at)
		if err == io.EOF {
			return nil
		}
	}
}

func (m *reader) name(line string, off int64) { m.off, m.n = off, int64(len(line)) }

// control reads "Key: value" entries with empty lines between them, and
// "key=value" of pom.properties.
func (m *reader) control(line string, off int64) {
	if line == "" {
		if m.kind == controlFile {
			m.flush()
		}
		return
	}
	k, v, ok := strings.Cut(line, ":")
	if m.kind == mavenFile {
		k, v, ok = strings.Cut(line, "=")
	}
	if !ok || line[0] == ' ' || line[0] == '\t' || line[0] == '#' {
		return
	}
	switch k {
	case "Package", "Name", "Bundle-SymbolicName", "Implementation-Title", "artifactId":
		if m.n == 0 {
			m.name(line, off)
		}
	}
	switch k {
	case "Package", "Version", "Source", "SourceName", "Status", "Name", "Bundle-SymbolicName", "Bundle-Version", "Implementation-Title", "Implementation-Version", "groupId", "artifactId", "version", "Architecture", "Auto-Installed", "Installed-Time", "License", "License-Expression":
		if _, ok := m.fields[k]; !ok {
			m.fields[k] = strings.TrimSpace(v)
		}
	}
}

// apk reads lib/apk/db/installed: one letter, a colon, a value.
func (m *reader) apk(line string, off int64) {
	if line == "" {
		m.flush()
		return
	}
	if len(line) < 2 || line[1] != ':' {
		return
	}
	switch line[0] {
	case 'P':
		m.fields["Package"] = line[2:]
		m.name(line, off)
	case 'V':
		m.fields["Version"] = line[2:]
	case 'o':
		m.fields["Source"] = line[2:]
	case 'A':
		m.fields["Architecture"] = line[2:]
	case 'L':
		m.fields["License"] = line[2:]
	}
}

// flush states the entry that was read.
func (m *reader) flush() {
	f := m.fields
	name, version, source, system := f["Package"], f["Version"], f["Source"], m.kind
	switch m.kind {
	case controlFile:
		// "install ok installed"; other states are not there, or no longer.
		if s := strings.Fields(f["Status"]); len(s) == 3 && s[2] != "installed" && s[2] != "unpacked" && s[2] != "half-configured" {
			name = ""
		}
		if f["Installed-Time"] != "" || f["Auto-Installed"] != "" || f["Architecture"] == "" || strings.Contains(f["Architecture"], "_") || f["Status"] != "" && !strings.HasPrefix(f["Status"], "install ok installed") && strings.HasSuffix(f["Status"], " installed") {
			system = "opkg"
		}
		if src, v, ok := strings.Cut(source, " ("); ok {
			source = src
			if version == "" {
				version = strings.TrimSuffix(v, ")")
			}
		}
		// OpenWrt's Source is the folder of its recipe.
		if strings.Contains(source, "/") {
			source = source[strings.LastIndexByte(source, '/')+1:]
		}
		if f["SourceName"] != "" {
			source = f["SourceName"]
		}
	case pythonFile:
		name = f["Name"]
		version, _, _ = strings.Cut(version, " ") // "1.2.0 2021-06-17T05:15:04Z"
		if x := f["License-Expression"]; x != "" {
			f["License"] = x
		}
		if f["License"] == "UNKNOWN" { // distutils where nothing is said
			delete(f, "License")
		}
	case javaFile:
		system, name, version = "maven", f["Bundle-SymbolicName"], f["Bundle-Version"]
		if name == "" || version == "" {
			name, version = f["Implementation-Title"], f["Implementation-Version"]
		}
		name, _, _ = strings.Cut(name, ";")
		if strings.ContainsAny(name, " ${") {
			name = ""
		}
	case mavenFile:
		name, version = f["groupId"]+"/"+f["artifactId"], f["version"]
		if f["groupId"] == "" || f["artifactId"] == "" {
			name = ""
		}
	}
	m.declare(system, name, source, version)
	clear(f)
	m.off, m.n = 0, 0
}

func (m *reader) declare(system, name, source, version string) {
	if name == "" || version == "" || len(name) > 128 || len(version) > 128 || len(source) > 128 || m.stated == maxPackages {
		return
	}
	m.stated++
	attrs := []wardein.Note{note("system", system), note("package", name)}
	if source != "" && source != name {
		attrs = append(attrs, note("source", source))
	}
	attrs = append(attrs, note("version", version))
	for _, k := range []string{"Architecture", "License"} {
		if v := m.fields[k]; v != "" && len(v) <= maxLicense {
			attrs = append(attrs, note(strings.ToLower(k), v))
		}
	}
	m.out(wardein.Fact{Kind: "package", Off: m.off, Len: m.n, Attrs: attrs})
}

// system reads os-release and openwrt_release.
func (m *reader) system(line string, off int64) {
	k, v, ok := strings.Cut(line, "=")
	if !ok {
		return
	}
	v = strings.Trim(v, `"'`)
	switch k {
	case "ID", "VERSION_ID":
		m.fields[k] = v
	case "DISTRIB_ID":
		m.fields["ID"] = strings.ToLower(v)
	case "DISTRIB_RELEASE":
		m.fields["VERSION_ID"] = v
	}
}

func (m *reader) stateSystem(size int64) {
	m.out(wardein.Fact{Kind: "system", Len: min(size, 64), Attrs: []wardein.Note{note("id", clean(m.fields["ID"])), note("version", clean(m.fields["VERSION_ID"]))}})
}

// npm reads a package.json that has a version. Tests and templates often have
// none, and the root's own is a package too.
func (m *reader) npm(data []byte) {
	var p struct {
		Name, Version string
		License       any // a text, or in old files something else
	}
	if json.Unmarshal(data, &p) != nil {
		return
	}
	if at := bytes.Index(data, []byte(`"name"`)); at >= 0 {
		m.off, m.n = int64(at), 6
	}
	license, _ := p.License.(string)
	m.fields = map[string]string{"License": license}
	m.declare("npm", p.Name, "", p.Version)
}

// noticed is a line of an open-source notice that names a product: "BusyBox
// 1.19.4", "* openssl-1.0.2k", "zlib (version 1.2.3)".
var noticed = lazy.Regexp(`^[\s*#>|\-\d.)]{0,8}(?:<[a-z0-9]+>)?([A-Za-z][A-Za-z0-9+_.-]{1,30}?)(?:[ _-]|,? \(?)(?:version:? |ver\.? ?|release |[vV])?(\d{1,4}(?:\.\d{1,4}){1,3}(?:[a-z]\d?|p\d)?)(?:$|[\s,;:)<-])`)

// notice states products that a notice names with a version; only names that
// the data know, since such texts are full of other numbers.
func (m *reader) notice(line string, off int64) {
	if len(line) > 200 {
		return
	}
	g := noticed().FindStringSubmatch(line)
	if g == nil || known().byAlias[strings.ToLower(g[1])] == nil {
		return
	}
	m.name(line, off)
	m.declare(noticeFile, strings.ToLower(g[1]), "", g[2])
}
