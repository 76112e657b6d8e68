package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/csaf"
	"github.com/wardein/wardein/report/cyclonedx"
	"github.com/wardein/wardein/report/sarif"
	"github.com/wardein/wardein/report/spdx"
)

// forms are the kinds of output for other tools.
var forms = map[string]func(io.Writer, *wardein.Report, wardein.Tree, []wardein.Check, csaf.Publisher) error{
	"cyclonedx": plainForm(cyclonedx.Write),
	"sarif":     plainForm(sarif.Write),
	"spdx":      plainForm(spdx.Write),
	"spdx3":     plainForm(spdx.Write3),
	"csaf": func(w io.Writer, r *wardein.Report, _ wardein.Tree, list []wardein.Check, p csaf.Publisher) error {
		return csaf.Write(w, r, list, p)
	},
}

// plainForm is a form that names no publisher.
func plainForm(write func(io.Writer, *wardein.Report, wardein.Tree, []wardein.Check) error) func(io.Writer, *wardein.Report, wardein.Tree, []wardein.Check, csaf.Publisher) error {
	return func(w io.Writer, r *wardein.Report, t wardein.Tree, list []wardein.Check, _ csaf.Publisher) error {
		return write(w, r, t, list)
	}
}

// addPublisherFlags adds the flags that publish reads.
func addPublisherFlags(cmd *cobra.Command) {
	cmd.Flags().String("publisher-name", "", "who answers for a CSAF document: `NAME` of a person or organisation; needed with -o csaf")
	cmd.Flags().String("publisher-namespace", "", "a `URI` that the publisher controls, such as https://lab.example; needed with -o csaf")
}

// publish hands the publisher to the outputs that name one, and says before a
// long run what is missing.
func publish(cmd *cobra.Command, outputs []output) error {
	name, err1 := cmd.Flags().GetString("publisher-name")
	space, err2 := cmd.Flags().GetString("publisher-namespace")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for i := range outputs {
		if outputs[i].kind != "csaf" {
			continue
		}
		outputs[i].publisher = csaf.Publisher{Name: name, Namespace: space}
		if name == "" || space == "" {
			return &hinted{errors.New("who publishes the CSAF document is not said"), "CSAF demands it: --publisher-name 'Example Lab' --publisher-namespace https://lab.example"}
		}
		if err := outputs[i].publisher.Check(); err != nil {
			return &hinted{err, "as in --publisher-name 'Example Lab' --publisher-namespace https://lab.example"}
		}
	}
	return nil
}

// writeForm writes a form for other tools.
func (r *result) writeForm(w io.Writer, o output) error {
	write, ok := forms[o.kind]
	if !ok {
		return fmt.Errorf("no writer of %q", o.kind) // a kind without one is a mistake
	}
	st, err := r.tree.Stat()
	if err != nil {
		return err
	}
	tree := report.OpenTree(r.tree, st.Size(), nil, r.facts)
	if err := write(w, r.report, tree, checks.Checks(), o.publisher); err != nil {
		return err
	}
	return tree.Err()
}
