package spdx

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

func write(t *testing.T, s schema.Specimen) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, s.Report, s.Tree, s.Checks); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var idForm = regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)

func TestValid(t *testing.T) {
	s := schema.Compile(t, schema.SPDX)
	for name, spec := range schema.Specimens(t) {
		t.Run(name, func(t *testing.T) {
			if spec.Recipe.AsOf == "" {
				if err := Write(&bytes.Buffer{}, spec.Report, spec.Tree, spec.Checks); err == nil {
					t.Error("a document without a date")
				}
				return
			}
			doc := write(t, spec)
			schema.Valid(t, s, doc)
			if !bytes.Equal(doc, write(t, spec)) {
				t.Error("not the same twice")
			}
			// what the schema only says in words
			ids := map[string]bool{"SPDXRef-DOCUMENT": true}
			parsed := schema.Parse(t, doc)
			for _, p := range schema.At(t, parsed, "packages").([]any) {
				id := schema.At(t, p, "SPDXID").(string)
				if ids[id] || !idForm.MatchString(id) {
					t.Errorf("identifier %q", id)
				}
				ids[id] = true
			}
			for _, r := range schema.At(t, parsed, "relationships").([]any) {
				if !ids[schema.At(t, r, "spdxElementId").(string)] || !ids[schema.At(t, r, "relatedSpdxElement").(string)] {
					t.Errorf("%v", r)
				}
			}
		})
	}
}

// The schema is one that says no.
func TestInvalid(t *testing.T) {
	s := schema.Compile(t, schema.SPDX)
	doc := string(write(t, schema.Specimens(t)["full"]))
	for _, c := range [][2]string{{`"algorithm":"SHA256"`, `"algorithm":"CRC"`}, {`"DESCRIBES"`, `"KNOWS"`}, {`"dataLicense"`, `"licence"`}, {`"filesAnalyzed":false`, `"filesAnalyzed":"no"`}} {
		if bad := strings.Replace(doc, c[0], c[1], 1); bad == doc || s.Validate(schema.Parse(t, []byte(bad))) == nil {
			t.Errorf("%s is valid", c[1])
		}
	}
}

func TestContent(t *testing.T) {
	doc := schema.Parse(t, write(t, schema.Specimens(t)["full"]))
	for _, c := range []struct {
		want any
		at   []any
	}{
		{"SPDX-2.3", []any{"spdxVersion"}},
		{"2026-11-22T00:00:00Z", []any{"creationInfo", "created"}},
		{"SPDXRef-Component-busybox-1.36.1", []any{"packages", 1, "SPDXID"}},
		{"root.squashfs/bin/busybox", []any{"packages", 1, "packageFileName"}},
		{"b000000000000000000000000000000000000000000000000000000000000000", []any{"packages", 1, "checksums", 0, "checksumValue"}},
		{"cpe:2.3:a:busybox:busybox:1.36.1:*:*:*:*:*:*:*", []any{"packages", 1, "externalRefs", 0, "referenceLocator"}},
		{"pkg:generic/busybox@1.36.1", []any{"packages", 1, "externalRefs", 1, "referenceLocator"}},
		{"declared: dpkg package libssl3 3.0.15-1~deb12u1, source openssl, debian 12, in root.squashfs/var/lib/dpkg/status", []any{"packages", 3, "annotations", 1, "comment"}},
		{"https://www.cve.org/CVERecord?id=CVE-2023-00001", []any{"packages", 3, "externalRefs", 2, "referenceLocator"}},
		{`not looked at: encrypted at 0, 2064 bytes, root.squashfs/etc/licence.enc: openssl-enc: no key`, []any{"annotations", 2, "comment"}},
	} {
		if got := schema.At(t, doc, c.at...); got != c.want {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
	}
	source := schema.At(t, doc, "packages", 1, "sourceInfo").(string)
	if !strings.Contains(source, `rule (likely) in root.squashfs/bin/busybox at 4711, sha256:b0`) {
		t.Error(source)
	}
}
