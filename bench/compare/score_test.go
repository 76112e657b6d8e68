package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
)

// BenchmarkMatch reads and matches version pairs that were built; MB/s are of
// the code of both sides.
func BenchmarkMatch(b *testing.B) {
	for _, pair := range [][2]string{
		{"compare/build/curl-7.88.1/aarch64-O2", "compare/build/curl-8.14.1/aarch64-O2"},
		{"compare/build/curl-7.88.1/x86-64-O2", "compare/build/curl-8.14.1/x86-64-O2"},
		{"compare/build/busybox-1.35.0/aarch64-O2", "compare/build/busybox-1.37.0/aarch64-O2"},
		{"compare/build/openssl-3.0.20/x86-64-O2", "compare/build/openssl-3.5.7/x86-64-O2"},
		{"unsafecall/build/libstdc++/x86-64-O2-gcc", "unsafecall/build/libstdc++/x86-64-Os-gcc"},
	} {
		b.Run(pair[0], func(b *testing.B) {
			var files [2]*exe.File
			var lists [2][]exe.Function
			size := int64(0)
			for i, path := range pair {
				data, err := os.ReadFile(filepath.Join("../work", path, "full"))
				if err != nil {
					b.Skip(err)
				}
				if files[i], err = exe.Open(bytes.NewReader(data), int64(len(data))); err != nil {
					b.Fatal(err)
				}
				if lists[i], err = files[i].Functions(exe.Sources{}); err != nil {
					b.Fatal(err)
				}
				for k := range lists[i] {
					lists[i][k].Name = ""
					size += int64(lists[i][k].Size)
				}
			}
			b.SetBytes(size)
			b.ReportAllocs()
			before := processorTime()
			for b.Loop() {
				var p [2]*function.Program
				for i := range files {
					var err error
					if p[i], err = function.Read(files[i], lists[i]); err != nil {
						b.Fatal(err)
					}
				}
				function.Match(p[0], p[1])
			}
			// Others may use the processors at the same time.
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(processorTime()-before).Seconds(), "MB/cpu-s")
		})
	}
}

// BenchmarkStripped is what run measures as CPU: bounds, reading, matching and
// data of stripped programs. BENCH="old new" is another pair.
func BenchmarkStripped(b *testing.B) {
	list := [][2]string{{"curl-7.88.1/x86-64-O2", "curl-8.14.1/x86-64-O2"}, {"curl-7.88.1/aarch64-O2", "curl-8.14.1/aarch64-O2"}, {"openssl-3.0.20/x86-64-O2", "openssl-3.5.7/x86-64-O2"}}
	if args := strings.Fields(os.Getenv("BENCH")); len(args) == 2 {
		list = [][2]string{{args[0], args[1]}}
	}
	for _, pair := range list {
		b.Run(pair[0], func(b *testing.B) {
			dir := "../work/compare/build/"
			m := &measured{}
			size := int64(0)
			for _, p := range pair {
				n, err := codeSize(dir + p + "/stripped")
				if err != nil {
					b.Skip(err)
				}
				size += n
			}
			total := 0.0
			for b.Loop() {
				if err := m.compare(dir+pair[0]+"/stripped", dir+pair[1]+"/stripped"); err != nil {
					b.Fatal(err)
				}
				total += m.CPU
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/total, "MB/cpu-s")
		})
	}
}

// processorTime is what this process used of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
