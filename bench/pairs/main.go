// Command pairs counts adjacent bytes in the files below some folders and
// writes how often each pair occurs, for the signature scan (unpack/data).
//
//	go run ./bench/pairs bench/work/root bench/work/parts > unpack/data/pairs.bin
//
// Byte 256·b+a of the output stands for a followed by b: eight times the binary
// logarithm of one more than its count in 2^31 bytes.
package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

func main() {
	var counts [1 << 16]float64
	total := 0.0
	for _, root := range os.Args[1:] {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			in := bufio.NewReaderSize(f, 1<<20)
			last, err := in.ReadByte()
			for err == nil {
				var b byte
				if b, err = in.ReadByte(); err == nil {
					counts[uint16(last)|uint16(b)<<8]++
					total++
					last = b
				}
			}
			return nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "pairs: error:", err)
			os.Exit(1)
		}
	}
	out := make([]byte, len(counts))
	for i, n := range counts {
		out[i] = byte(min(255, math.Round(8*math.Log2(1+n*(1<<31)/max(total, 1)))))
	}
	os.Stdout.Write(out)
}
