package component

import (
	"bytes"
	"compress/zlib"
	"debug/buildinfo"
	"encoding/json"
	"io"
)

const maxAuditable = 8 << 20

// built states the modules that a Go program and the crates that a Rust
// program (cargo auditable) say they were built of.
func (f *file) built() error {
	if hits := f.blob.Hits(markGo); len(hits) > 0 {
		f.golang(hits[0])
	}
	if f.exe != nil {
		if s := f.exe.Section(".dep-v0"); s != nil && s.InFile {
			f.cargo(int64(s.Off), int64(s.Size))
		}
	}
	return nil
}

func (f *file) declare(system, name, version string, off, n int64) {
	if name == "" || version == "" || len(name) > 256 || len(version) > 128 {
		return
	}
	f.state("package", off, n, note("system", system), note("package", name), note("version", version), note("in", "file"))
}

func (f *file) golang(at int64) {
	info, err := buildinfo.Read(io.NewSectionReader(f.blob, 0, f.blob.Size))
	if err != nil {
		return // no build info after all: text about it, or a cut file
	}
	n := min(16, f.blob.Size-at)
	f.declare("go", "stdlib", info.GoVersion, at, n)
	if info.Main.Version != "(devel)" {
		f.declare("go", info.Main.Path, info.Main.Version, at, n)
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		f.declare("go", d.Path, d.Version, at, n)
	}
}

// cargo reads the section that cargo auditable writes: JSON, zlib-compressed.
func (f *file) cargo(off, n int64) {
	z, err := zlib.NewReader(io.NewSectionReader(f.blob, off, n))
	if err != nil {
		return
	}
	data, err := io.ReadAll(io.LimitReader(z, maxAuditable))
	if err != nil {
		return
	}
	var list struct {
		Packages []struct{ Name, Version, Kind string }
	}
	if json.NewDecoder(bytes.NewReader(data)).Decode(&list) != nil {
		return
	}
	for _, p := range list.Packages {
		if p.Kind != "build" {
			f.declare("cargo", p.Name, p.Version, off, n)
		}
	}
}
