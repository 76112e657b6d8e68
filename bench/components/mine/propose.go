package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func propose(o options) error {
	list, err := o.list()
	if err != nil {
		return err
	}
	data, err := readData(o.data)
	if err != nil {
		return err
	}
	bySource := map[string]*mined{}
	var all []*mined
	for _, w := range list {
		data.alias[w.name] = true
	}
	for _, w := range list {
		if data.name[w.name] && !o.have {
			continue
		}
		m := &mined{wanted: w, single: o.single, debian: map[string]string{}, packages: map[string]bool{}, sonames: map[string]bool{}, files: map[string]bool{}}
		all = append(all, m)
		for _, s := range w.sources {
			bySource[s] = m
		}
	}
	if err := o.each(func(k *kept) error {
		if m := bySource[k.Source]; m != nil {
			m.look(k)
		}
		return nil
	}); err != nil {
		return err
	}
	var tried []*candidate
	var text []string
	for _, m := range all {
		m.group()
		sort.SliceStable(m.all, func(i, j int) bool {
			a, b := m.all[i], m.all[j]
			return a.score > b.score || a.score == b.score && a.literal < b.literal
		})
		m.all = m.all[:min(len(m.all), perName)]
		for _, c := range m.all {
			tried = append(tried, c)
			text = append(text, c.literal)
		}
		m.sightings = nil
	}
	scan := newLiterals(text)
	if err := o.each(func(k *kept) error {
		m := bySource[k.Source]
		forms := upstream(k.Version)
		for i := range k.Files {
			p := &k.Files[i]
			scan.find(p.Data, func(i, at int) { tried[i].hit(k.Source, m, p, forms, at) })
		}
		return nil
	}); err != nil {
		return err
	}
	if data.cpe, err = pairs(filepath.Join(filepath.Dir(o.sources), "cpe.txt")); err != nil {
		return err
	}
	skip, err := refused(filepath.Join(filepath.Dir(o.sources), "skip.txt"))
	if err != nil {
		return err
	}
	out := map[string]*strings.Builder{}
	none := map[string][]string{}
	for _, m := range all {
		chosen := m.choose(skip)
		if len(chosen) == 0 {
			why := "no constant text around the version"
			switch {
			case len(m.packages) == 0:
				why = "no package with programs"
			case len(m.all) > 0:
				why = "texts that are not the product's alone"
			}
			none[why] = append(none[why], m.name)
			continue
		}
		if out[m.area] == nil {
			out[m.area] = new(strings.Builder)
		}
		m.print(out[m.area], chosen, data)
	}
	for area, b := range out {
		if !o.out {
			fmt.Printf("# area %s\n\n%s", area, b)
			continue
		}
		f, err := os.OpenFile(filepath.Join(o.data, area+".toml"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(b.String()); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	for why, names := range none {
		fmt.Fprintf(os.Stderr, "%s: %d: %s\n", why, len(names), strings.Join(names, " "))
	}
	return nil
}

// hit counts what a candidate shows in a file.
func (c *candidate) hit(source string, m *mined, p *program, forms []string, at int) {
	c.spread++
	w, off := window(p.Data, at)
	version := ""
	for _, x := range c.re.FindAllSubmatchIndex(w, 8) {
		if x[0] <= off && x[1] >= off+len(c.literal) {
			version = string(w[x[2]:x[3]])
		}
	}
	if version == "" {
		if c.near == "" {
			to := off + len(c.literal)
			for to < len(w) && to < off+len(c.literal)+24 && text(w[to]) {
				to++
			}
			from := off
			if c.tail {
				for from > 0 && off-from < 24 && text(w[from-1]) {
					from--
				}
			}
			c.near = string(w[from:to])
		}
		return
	}
	switch {
	case m == c.product && slices.Contains(forms, version):
		c.right++
	case m == c.product:
		c.wrong++
		c.wrongs[version]++
	default:
		if l := needs(p.Needed, c.product.sonames); l != "" {
			c.against[l] = true
			return
		}
		c.others[source]++
	}
}

// choose takes the best candidates: none that shows wrong versions; one that
// others' files hit too only with its name in it.
func (m *mined) choose(skip map[string][]string) (out []*candidate) {
	good := m.all[:0:0]
	for _, c := range m.all {
		why := ""
		switch {
		case slices.ContainsFunc(skip[m.name], func(s string) bool { return strings.Contains(c.literal, s) }):
			why = "refused"
		case strings.Contains(c.literal, "x86_64"):
			why = "of one processor"
		case c.right == 0:
			why = "never right"
		case c.wrong > 0 && (!c.named() || len(c.wrongs) > 1 || len(c.versions) < 2 || c.beside != 0 || node.MatchString(c.literal)):
			why = fmt.Sprintf("wrong %d of %d: %v", c.wrong, c.wrong+c.right, c.wrongs)
		case len(c.others) > 3 && !c.named() || len(c.others) > 12:
			why = fmt.Sprintf("in %d other products: %v", len(c.others), c.others)
		case c.spread > 400 && !c.named() || c.spread > 8000 || c.beside != 0 && c.spread > 120:
			why = fmt.Sprintf("%d places", c.spread)
		}
		if why != "" {
			fmt.Fprintf(os.Stderr, "left out: %s %q: %s\n", m.name, c.literal, why[:min(len(why), 200)])
			continue
		}
		c.score -= 6*len(c.others) + 3*len(c.against) + 8*len(c.wrongs)
		good = append(good, c)
	}
	sort.SliceStable(good, func(i, j int) bool { return good[i].score > good[j].score })
	covered := map[string]bool{}
	for _, c := range good {
		fresh := false
		for f := range c.files {
			fresh = fresh || !covered[f]
		}
		for _, x := range out {
			fresh = fresh && x.expression != c.expression && x.literal != c.literal
		}
		if !fresh || len(out) == 2 || len(out) == 1 && c.score < out[0].score-15 {
			continue
		}
		for f := range c.files {
			covered[f] = true
		}
		out = append(out, c)
	}
	return out
}

// node is the form of a symbol's version, of which a library keeps the old ones.
var node = regexp.MustCompile(`^\x00?[A-Z0-9]+_$`)

// shared are base names that programs of several products have: they name none.
var shared = toSet(strings.Fields(`ping ping6 telnet telnetd in.telnetd ftp ftpd in.ftpd tftp tftpd in.tftpd rsh rlogin rcp rexec talk talkd traceroute
	inetd syslogd hostname ifconfig logger dnsdomainname whois ntpd ntpq ntpdate ntptrace ntp-keygen ntptime sntp bgpd ospfd ospf6d ripd ripngd
	zebra isisd vtysh pimd eigrpd nhrpd ldpd bfdd vrrpd sendmail mailq newaliases smtpd smtp local pipe virtual error bounce cleanup master pickup scan
	send show comp mark pick inc mhl anno ali forw repl rmm rmf refile sortm whom burst busctl loginctl udevadm libvnc.so libjack.so libjacknet.so
	libjackserver.so server client test demo example monitor scp sftp login su more init lp lpc lpq lpr lprm cancel xterm host comp convert
	anvil imapd pop3d lmtp lmtpd libhttp.so libotp.so rmail libkshark.so libkshark-gui.so libkshark-plot.so
	lpstat arping nc netcat dhclient-script mount.nfs monitord agent proxy daemon helper update dump`))

var abouts = regexp.MustCompile(`(?i)^(?:a|an|the) | \(.*$| - .*$|[:;].*$`)

// refused reads what a look at proposals refused: product, and a part of the
// literal, behind a tab; without it, the whole product.
func refused(name string) (map[string][]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	skip := map[string][]string{}
	for _, line := range strings.Split(string(data), "\n") {
		if line != "" && line[0] != '#' {
			product, part, _ := strings.Cut(line, "\t")
			skip[product] = append(skip[product], part)
		}
	}
	return skip, nil
}

// pairs reads the products' names in the CPE dictionary.
func pairs(name string) (map[string]string, error) {
	list, err := refused(name)
	out := map[string]string{}
	for p, v := range list {
		out[p] = v[0]
	}
	return out, err
}

func (m *mined) print(w io.Writer, chosen []*candidate, d *dataSet) {
	packages := map[string]bool{}
	for _, list := range []map[string]bool{m.packages, toSet(m.sources)} {
		for p := range list {
			if p != m.name && !d.alias[p] {
				packages[p] = true
				d.alias[p] = true
			}
		}
	}
	about := m.about
	for range 2 {
		about = abouts.ReplaceAllString(about, "")
	}
	if about == "" {
		about = m.about
	}
	source := map[string]string{}
	for _, c := range chosen {
		for _, s := range c.versions {
			source[s.suite] = s.pkg + " " + s.debian
		}
	}
	var names []string
	for _, s := range slices.Sorted(maps.Keys(source)) {
		names = append(names, source[s])
	}
	fmt.Fprintf(w, "[[product]]\nname = %s\n", str(m.name))
	if cpe := d.cpe[m.name]; cpe != "" {
		fmt.Fprintf(w, "cpe = %s\n", str(cpe))
	}
	fmt.Fprintf(w, "purl = %s\nabout = %s\nsource = %s\ndate = %q\n", str("pkg:generic/"+m.name), str(about),
		str("Debian packages "+strings.Join(names, ", ")), time.Now().Format("2006-01-02"))
	printList(w, "packages", packages, 24)
	maps.DeleteFunc(m.files, func(f string, _ bool) bool { return shared[f] })
	maps.DeleteFunc(m.sonames, func(s string, _ bool) bool { return shared[s] })
	printList(w, "sonames", m.sonames, 16)
	printList(w, "files", m.files, 24)
	for _, c := range chosen {
		c.print(w)
	}
	fmt.Fprintln(w)
}

func toSet(list []string) map[string]bool {
	m := map[string]bool{}
	for _, s := range list {
		m[s] = true
	}
	return m
}

func printList(w io.Writer, name string, m map[string]bool, most int) {
	if len(m) == 0 {
		return
	}
	list := slices.Sorted(maps.Keys(m))
	if len(list) > most { // the shortest are the most telling
		sort.SliceStable(list, func(i, j int) bool { return len(list[i]) < len(list[j]) })
		list = list[:most]
		slices.Sort(list)
	}
	for i := range list {
		list[i] = str(list[i])
	}
	fmt.Fprintf(w, "%s = [%s]\n", name, strings.Join(list, ", "))
}

func (c *candidate) print(w io.Writer) {
	note := ""
	if len(c.others) > 0 {
		note = "  # also in " + strings.Join(slices.Sorted(maps.Keys(c.others)), " ")
	}
	fmt.Fprintf(w, "[[product.rule]]%s\nliteral = %s\n", note, str(c.literal))
	if strings.Contains(c.expression, "'") {
		fmt.Fprintf(w, "version = %s\n", str(c.expression))
	} else {
		fmt.Fprintf(w, "version = '%s'\n", c.expression)
	}
	if !c.named() || c.beside != 0 {
		fmt.Fprintln(w, "own = true")
	}
	if len(c.against) > 0 {
		printList(w, "needs_not", c.against, 8)
	}
	var yes []string
	for _, v := range slices.Sorted(maps.Keys(c.versions)) {
		if len(yes) == 3 {
			break
		}
		s := c.versions[v]
		p := s.prefix
		keep := len(c.literal)
		if c.beside != 0 {
			yes = append(yes, fmt.Sprintf("[%s, %s]", str(v), str(p+v+s.suffix)))
			continue
		}
		if c.tail || keep > len(p) {
			keep = min(len(p), 1)
			if !c.tail {
				keep = len(p)
			}
		}
		suffix := s.suffix[:min(len(s.suffix), 32)]
		if i := strings.IndexByte(suffix, '\n'); i >= 0 && !c.tail {
			suffix = suffix[:i+1]
		}
		yes = append(yes, fmt.Sprintf("[%s, %s]", str(v), str(p[len(p)-keep:]+v+suffix)))
	}
	fmt.Fprintf(w, "yes = [%s]\n", strings.Join(yes, ", "))
	no := c.near
	if no == "" {
		no = c.literal + "%s\n"
		switch {
		case c.beside < 0:
			no = c.literal + "\x00%s\x00"
		case c.beside > 0:
			no = "\x00%s\x00" + c.literal
		case c.tail:
			no = "\x00%s" + c.literal
		}
	}
	fmt.Fprintf(w, "no = [%s]\n", str(no))
}

// str is a basic string of TOML.
func str(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			b.WriteString(`\u00` + strconv.FormatInt(int64(c)+0x100, 16)[1:])
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}
