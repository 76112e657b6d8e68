package spdx

import (
	"regexp"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/schema"
)

var form = schema.Form{Schema: schema.SPDX, Write: Write, Dated: true}

var idForm = regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)

func TestValid(t *testing.T) {
	form.Test(t, func(t testing.TB, doc any) {
		ids := map[string]bool{"SPDXRef-DOCUMENT": true}
		for _, p := range schema.At(t, doc, "packages").([]any) {
			id := schema.At(t, p, "SPDXID").(string)
			if ids[id] || !idForm.MatchString(id) {
				t.Errorf("identifier %q", id)
			}
			ids[id] = true
		}
		for _, r := range schema.At(t, doc, "relationships").([]any) {
			if !ids[schema.At(t, r, "spdxElementId").(string)] || !ids[schema.At(t, r, "relatedSpdxElement").(string)] {
				t.Errorf("%v", r)
			}
		}
	})
}

func TestInvalid(t *testing.T) {
	form.Refuse(t, [2]string{`"algorithm":"SHA256"`, `"algorithm":"CRC"`}, [2]string{`"DESCRIBES"`, `"KNOWS"`}, [2]string{`"dataLicense"`, `"licence"`}, [2]string{`"filesAnalyzed":false`, `"filesAnalyzed":"no"`},
		[2]string{`"extractedText"`, `"text"`}, [2]string{`"DEPENDS_ON"`, `"LOADS"`})
}

func TestContent(t *testing.T) {
	doc := schema.Parse(t, form.Doc(t, schema.Specimens(t)["full"]))
	schema.Say(t, doc, []schema.Said{
		{"SPDX-2.3", []any{"spdxVersion"}},
		{"2026-11-22T00:00:00Z", []any{"creationInfo", "created"}},
		{"SPDXRef-Component-busybox-1.36.1", []any{"packages", 1, "SPDXID"}},
		{"root.squashfs/bin/busybox", []any{"packages", 1, "packageFileName"}},
		{"b000000000000000000000000000000000000000000000000000000000000000", []any{"packages", 1, "checksums", 0, "checksumValue"}},
		{"cpe:2.3:a:busybox:busybox:1.36.1:*:*:*:*:*:*:*", []any{"packages", 1, "externalRefs", 0, "referenceLocator"}},
		{"pkg:generic/busybox@1.36.1", []any{"packages", 1, "externalRefs", 1, "referenceLocator"}},
		{"declared: dpkg package libssl3 3.0.15-1~deb12u1, source openssl, debian 12, in root.squashfs/var/lib/dpkg/status", []any{"packages", 3, "annotations", 1, "comment"}},
		{"LicenseRef-1", []any{"packages", 1, "licenseDeclared"}},
		{"GPL-2.0 with exceptions", []any{"hasExtractedLicensingInfos", 0, "extractedText"}},
		{"Apache-2.0 AND BSD-3-Clause", []any{"packages", 3, "licenseDeclared"}},
		{"DEPENDS_ON", []any{"relationships", 4, "relationshipType"}},
		{"SPDXRef-Component-openssl-3.0.9", []any{"relationships", 4, "relatedSpdxElement"}},
		{"https://www.cve.org/CVERecord?id=CVE-2023-00001", []any{"packages", 3, "externalRefs", 2, "referenceLocator"}},
		{`not looked at: encrypted at 0, 2064 bytes, root.squashfs/etc/licence.enc: openssl-enc: no key`, []any{"annotations", 2, "comment"}},
	}...)
	source := schema.At(t, doc, "packages", 1, "sourceInfo").(string)
	if !strings.Contains(source, `rule (likely) in root.squashfs/bin/busybox at 4711, sha256:b0`) {
		t.Error(source)
	}
}
