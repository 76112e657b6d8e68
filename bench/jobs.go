package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type bench struct {
	only    string
	again   bool
	wardein string
}

// A job is one row of the table: a tool on one variant of the image.
type job struct {
	name    string
	group   string
	version string
	steps   func(variant string) []step
	note    string
	out     string // directory under work/out; "" is the job's own
	keep    bool   // leave the output for the next job
	tries   int    // run as often as this; the try that found most counts
}

// group runs the jobs of a group over all variants, one after another.
func (b *bench) group(group string) error {
	var jobs []job
	var err error
	switch group {
	case "tools":
		jobs = []job{referenceTools()}
	case "peers":
		jobs, err = peers()
	case "wardein":
		jobs, err = b.wardeinJobs()
	}
	if err != nil {
		return err
	}
	old, err := readResults()
	if err != nil {
		return err
	}
	for _, v := range variants {
		for _, j := range jobs {
			if !strings.Contains(j.name, b.only) || !b.again && old[j.name+" "+v] != nil {
				continue
			}
			if err := runJob(j, v); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(filepath.Join(work, "out")); err != nil {
			return err
		}
	}
	return nil
}

// runJob measures a job and writes its result down.
func runJob(j job, variant string) error {
	best, err := try(j, variant)
	for i := 1; i < j.tries && err == nil; i++ {
		var r result
		if r, err = try(j, variant); r.Found > best.Found || r.Found == best.Found && r.Wall < best.Wall {
			best = r
		}
	}
	if err != nil {
		return err
	}
	return appendResult(best)
}

func try(j job, variant string) (result, error) {
	out := j.out
	if out == "" {
		out = strings.ReplaceAll(j.name, " ", "-")
	}
	dir := filepath.Join(work, "out", out+"-"+variant)
	if !j.keep {
		if err := os.RemoveAll(dir); err != nil {
			return result{}, err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return result{}, err
	}
	before, _ := usage(dir)
	r := result{Job: j.name, Group: j.group, Variant: variant, Version: j.version, Note: j.note, Day: time.Now().UTC().Format("2006-01-02")}
	for _, s := range j.steps(variant) {
		c := measure(dir, s)
		fmt.Fprintf(os.Stderr, "bench: %-4s %-22s %-24s %7.2f s CPU %7.2f s wall %6.0f MB %s\n", variant, j.name, c.Name, c.CPU, c.Wall, float64(c.Peak)/1e6, c.Failure)
		r.Steps = append(r.Steps, c)
	}
	r.total()
	r.Written, _ = usage(dir)
	r.Written -= before
	return r, r.judge(dir)
}

// referenceTools are the C programs that a person would run by hand, told
// where each payload begins, one after another on one core.
func referenceTools() job {
	return job{name: "C reference tools", group: "tools", version: "Debian 12", steps: func(v string) []step {
		ss := []step{
			{name: "uImage: xz", line: "mkdir -p nested initramfs; xz --format=lzma -T1 -dc " + part("kernel.lzma") + " > kernel"},
			{name: "unsquashfs", line: "unsquashfs -processors 1 -no-progress -quiet -d root " + part("root-"+v+".sqfs")},
		}
		for _, p := range debPackages {
			ss = append(ss, step{name: p + ": dpkg-deb", line: fmt.Sprintf("dpkg-deb -x root/opt/packages/%s.deb nested/%[1]s.deb", p)})
		}
		for i := range zipPackages {
			ss = append(ss, step{name: fmt.Sprintf("runtime%d: unzip", i+1), line: fmt.Sprintf("unzip -q -o root/opt/packages/runtime%d.zip -d nested/runtime%[1]d.zip", i+1)})
		}
		for i := range tarPackages {
			ss = append(ss, step{name: fmt.Sprintf("bundle%d: gzip, tar", i+1), line: fmt.Sprintf("n=nested/bundle%d; mkdir $n; gzip -dc root/opt/packages/bundle%[1]d.tar.gz > $n.tar; tar -xf $n.tar -C $n", i+1)})
		}
		for i := range cpioPackages {
			ss = append(ss, step{name: fmt.Sprintf("ramdisk%d: xz, cpio", i+1), line: fmt.Sprintf("n=nested/ramdisk%d; mkdir $n; xz -T1 -dc root/opt/packages/ramdisk%[1]d.cpio.xz > $n.cpio; cd $n; cpio -id --quiet < ../ramdisk%[1]d.cpio", i+1)})
		}
		ss = append(ss,
			step{name: "jffs2dump", line: "jffs2dump -c " + part("jffs2") + " > /dev/null"},
			step{name: "lzma: xz", line: "xz --format=lzma -T1 -dc " + part("data.lzma") + " > data"},
			step{name: "initramfs: gzip, xz, cpio", line: "gzip -dc " + part("initramfs.cpio.xz.gz") + " > initramfs.cpio.xz; xz -T1 -dc initramfs.cpio.xz > initramfs.cpio; cd initramfs; cpio -id --quiet < ../initramfs.cpio"},
			step{name: "gzip of single files", line: "find root nested initramfs -name '*.gz' -not -path 'root/opt/*' -type f -print0 | xargs -0 -r gzip -dkfq", ok: []int{2, 123}},
			step{name: "sha256sum", line: "find . -type f -print0 | xargs -0 sha256sum > /dev/null"},
			step{name: "openssl sha256", line: "find . -type f -print0 | xargs -0 openssl dgst -sha256 -r > /dev/null"},
		)
		return ss
	}, note: "jffs2dump checks the nodes and writes no file, so jffs2's files are not found; of the two SHA-256 passes the cheaper counts"}
}

func (b *bench) wardeinJobs() ([]job, error) {
	bin := b.wardein
	if bin == "" {
		bin = filepath.Join(work, "wardein")
		cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "./cmd/wardein")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build ./cmd/wardein: %w\n%s", err, out)
		}
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	commit, _ := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	inspect := func(name, out string, keep bool, env ...string) job {
		return job{name: name, group: "wardein", version: strings.TrimSpace(string(commit)), out: out, keep: keep, steps: func(v string) []step {
			return []step{{name: "inspect", line: bin + " inspect -q --store store " + imagePath(v) + " > table.txt", env: env, ok: []int{1, 3}}}
		}}
	}
	return []job{
		inspect("wardein", "wardein", false),
		inspect("wardein, warm store", "wardein", true),
		inspect("wardein, GOMAXPROCS=1", "wardein-1", false, "GOMAXPROCS=1"),
	}, nil
}

// coverage takes the figures that wardein's report states.
func coverage(dir string) string {
	reports, _ := filepath.Glob(filepath.Join(dir, "*.wardein.json"))
	if len(reports) == 0 {
		return ""
	}
	data, err := os.ReadFile(reports[0])
	if err != nil {
		return ""
	}
	var report struct {
		Coverage map[string]json.RawMessage `json:"coverage"`
	}
	if json.Unmarshal(data, &report) != nil {
		return ""
	}
	// figures are integers, shares in parts per million (report.md)
	var figures []string
	for _, name := range []string{"accounted_ppm", "opened_ppm"} {
		var ppm float64
		if raw, ok := report.Coverage[name]; ok && json.Unmarshal(regexp.MustCompile(`[0-9]+`).Find(raw), &ppm) == nil {
			figures = append(figures, fmt.Sprintf("%.1f %% %s", ppm/1e4, strings.TrimSuffix(name, "_ppm")))
		}
	}
	return strings.Join(figures, ", ")
}
