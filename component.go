package wardein

// Component is a product in a version that was identified in a release. A
// product that occurs in two versions is two components.
type Component struct {
	// Name is the product's name in lower case, as its upstream calls it.
	Name string
	// Version is as upstream writes it, "" when it could not be told.
	Version string
	// Scheme names the order of the product's versions ("semver", "dpkg", …);
	// "" stands for dotted numbers with letters behind them.
	Scheme string
	// Vendor and Product are the names that the CPE dictionary uses, "" when
	// it has none (NIST IR 7695).
	Vendor, Product string
	// PURL is the package URL with version, "" when there is none.
	PURL       string
	Confidence Confidence
	// Needs are the components whose libraries its programs and libraries load
	// at run time (DT_NEEDED), sorted by name and version.
	Needs []ComponentRef
	// Declared are the statements of package databases and notices in the
	// release about this product, sorted by node and package.
	Declared []Declaration
	// Seen are the places that show the component, sorted by node, offset,
	// and way of identification.
	Seen []Occurrence
}

// ComponentRef names a component of the same release.
type ComponentRef struct{ Name, Version string }

// Occurrence is one place that shows a component.
type Occurrence struct {
	// By is the way of identification: "package", "rule", "identity",
	// "getter", "symbols", "strings", "kernel", "boot loader".
	By         string
	Version    string // that this place shows; "" none
	Confidence Confidence
	Quote      Quote
}

// Declaration is what a package database, manifest or notice in a release
// says that the release holds.
type Declaration struct {
	// System is the kind of database: "dpkg", "opkg", "rpm", "apk", "go",
	// "cargo", "maven", "npm", "pypi", "notice".
	System string
	// Package is the name there, Source the source package it was built
	// from, Version the whole version with epoch and revision.
	Package, Source, Version string
	// Distribution is the name and number of the distribution whose
	// revisions these are ("debian 12"), "" when nothing tells it.
	Distribution string
	// License is what is stated about the licence, as it stands there.
	License string
	Quote   Quote
}
