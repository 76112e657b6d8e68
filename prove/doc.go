// Package prove makes bundles of a report, verifies them, and opens single
// parts of what they commit to. docs/bundle.md specifies every byte.
//
// A bundle is a ZIP file that has one form only: members stored, sorted by
// name, without times, extra fields or comments.
//
//	statement.dsse.json  what the lab signs: an in-toto Statement whose predicate (Inspection) lists the digests of the other members
//	roots.json           salted Merkle roots over the lines of tree.jsonl and over the findings       public
//	recipe.json          the report's recipe                                                          public
//	contact.dsse.json    where the release came from, when its vendor was asked; may be missing       public
//	report.json          the report
//	tree.jsonl           the tree file
//	seed                 what the salts are made of
//	run.json             when and where it was run
//	evidence/ID.json     for each finding its places, with their files' digests
//	restricted/ID.age    bytes of evidence for named readers
//	log.tlog-proof       that a log has the statement's entry
//	counter/X.dsse.json  statements about this one, by others or by the lab; X begins its digest
//	counter/X.tlog-proof that a log has it
//
// The statement binds all but the last three, which come later: Attach puts
// them in. The full bundle has every member that the statement lists, the
// public one those that are public; statement, entry and proof are the same.
//
// Open reads the container, Verify all of it. Verify imports no log and no
// encryption: golang.org/x/mod/sumdb/note, transparency-dev/merkle and
// transparency-dev/formats are all that it needs beside the standard library.
package prove

// Names of members.
const (
	StatementName = "statement.dsse.json"
	RootsName     = "roots.json"
	RecipeName    = "recipe.json"
	ContactName   = "contact.dsse.json"
	ReportName    = "report.json"
	TreeName      = "tree.jsonl"
	SeedName      = "seed"
	RunName       = "run.json"
	ProofName     = "log.tlog-proof"

	evidenceFolder   = "evidence/"
	restrictedFolder = "restricted/"
	counterFolder    = "counter/"
)
