package print

import (
	"strconv"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
)

// Version is the version of the JSON: docs/place.md describes it. Within a major
// version it only grows.
const Version = "1.0"

// JSON is the whole result as canonical JSON. Shares are parts per million,
// bit/s and money decimal strings, sensitive sites thousandths of a site.
func JSON(r *Result) ([]byte, error) {
	out := document{Version: Version, AsOf: r.Network.Date.String(), Plan: r.Plan, Blind: r.Blind, Synthetic: r.Synthetic() != "", Foot: r.Foot(),
		Elements: r.Elements(), Links: len(r.Network.Links), Outcomes: outcomesOf(Totals(r.Network, r.Results)),
		Operator: operator{r.Network.Operator.Name, r.Network.Operator.Country, r.Network.Operator.Currency}}
	for _, s := range r.Network.Sources {
		out.Sources = append(out.Sources, source{s.Name, s.Date.String(), s.Digest})
	}
	for _, g := range r.Network.Gaps {
		out.Gaps = append(out.Gaps, gap{g.File, g.Row, g.Column, g.Why, g.Dropped})
	}
	for _, p := range r.Packs {
		out.Packs = append(out.Packs, pack{p.ID, p.Title, p.Jurisdiction, p.Source.Title, p.Source.Reference, p.Source.Date.String(), p.Source.Transcribed, p.Source.Checked})
	}
	for i := range r.Results {
		out.Rules = append(out.Rules, ruleOf(r, &r.Results[i]))
	}
	for _, x := range r.Exposure {
		out.Exposure = append(out.Exposure, exposureOf(x))
	}
	if r.Model != nil {
		out.Model = []model{{r.Model.ID, r.Model.Title, r.Model.Payer, r.Model.Currency}}
	}
	if r.Planned != nil {
		out.Planned = []answer{answerOf(r.Planned)}
	}
	if r.Generated != nil {
		out.Drawn = []drawn{drawnOf(r)}
	}
	for _, m := range r.Moments {
		out.Moments = append(out.Moments, momentOf(&m))
	}
	if p := r.Pairs; p != nil {
		x := pairs{By: p.By, Joined: strconv.FormatInt(p.Joined, 10), Rows: []pairRow{}}
		for i := range p.Rows {
			x.Rows = append(x.Rows, pairRow{p.Rows[i].Who, p.Share(i)})
		}
		out.Pairs = append(out.Pairs, x)
	}
	if r.Evidence != nil {
		for i := range r.Evidence.Releases {
			e := &r.Evidence.Releases[i]
			out.Evidence = append(out.Evidence, evidence{e.Digest, e.Vendor, e.Product, e.Name, e.Bundle, list(e.Profiles), e.Opened, e.CodeRead, e.Source.Name})
		}
	}
	out.Sources, out.Gaps, out.Packs, out.Rules, out.Exposure = list(out.Sources), list(out.Gaps), list(out.Packs), list(out.Rules), list(out.Exposure)
	out.Model, out.Planned, out.Drawn, out.Moments, out.Pairs, out.Evidence = list(out.Model), list(out.Planned), list(out.Drawn), list(out.Moments), list(out.Pairs), list(out.Evidence)
	return canon.Of(out)
}

// list is a list that is not nil: [] and never null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

type document struct {
	Version   string     `json:"version"`
	AsOf      string     `json:"as_of"`
	Plan      string     `json:"plan"`
	Blind     bool       `json:"blind"`
	Synthetic bool       `json:"synthetic"`
	Operator  operator   `json:"operator"`
	Elements  int        `json:"elements"`
	Links     int        `json:"links"`
	Outcomes  outcomes   `json:"outcomes"`
	Sources   []source   `json:"sources"`
	Gaps      []gap      `json:"gaps"`
	Packs     []pack     `json:"packs"`
	Rules     []rule     `json:"rules"`
	Exposure  []exposed  `json:"exposure"`
	Model     []model    `json:"model"`
	Planned   []answer   `json:"planned"`
	Drawn     []drawn    `json:"drawn_up"`
	Moments   []moment   `json:"moments"`
	Pairs     []pairs    `json:"pairs"`
	Evidence  []evidence `json:"evidence"`
	Foot      []string   `json:"foot"`
}

type operator struct {
	Name     string `json:"name"`
	Country  string `json:"country"`
	Currency string `json:"currency"`
}

type source struct {
	Name   string `json:"name"`
	Date   string `json:"date"`
	SHA256 string `json:"sha256"`
}

type gap struct {
	File    string `json:"file"`
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Why     string `json:"why"`
	Dropped bool   `json:"dropped"`
}

type pack struct {
	ID           string `json:"id"`
	Title        string `json:"title"`
	Jurisdiction string `json:"jurisdiction"`
	Source       string `json:"source"`
	Reference    string `json:"reference"`
	Date         string `json:"date"`
	Transcribed  string `json:"transcribed"`
	Checked      string `json:"checked"`
}

type outcomes struct {
	Breaks       int `json:"breaks"`
	Complies     int `json:"complies"`
	OutOfScope   int `json:"out_of_scope"`
	Undetermined int `json:"undetermined"`
}

func outcomesOf(c [policy.Outcomes]int) outcomes {
	return outcomes{c[policy.Breaks], c[policy.Complies], c[policy.OutOfScope], c[policy.Undetermined]}
}

type rule struct {
	Pack         string    `json:"pack"`
	ID           string    `json:"id"`
	Title        string    `json:"title"`
	Clause       string    `json:"clause"`
	Kind         string    `json:"kind"`
	Severity     string    `json:"severity"`
	Status       string    `json:"status"`
	Unconfirmed  string    `json:"unconfirmed"`
	From         string    `json:"from"`
	To           string    `json:"to"`
	Outcome      string    `json:"outcome"`
	Why          string    `json:"why"`
	Elements     outcomes  `json:"elements"`
	Breaks       []string  `json:"breaks"`
	Undetermined []string  `json:"undetermined"`
	Groups       []group   `json:"groups"`
	Missing      []missing `json:"missing"`
	Reads        []string  `json:"reads"`
	Need         []need    `json:"need"`
}

type group struct {
	Key       []string `json:"key"`
	Outcome   string   `json:"outcome"`
	Unit      string   `json:"unit"` // "ppm" or "count"
	Low       int64    `json:"low"`
	High      int64    `json:"high"`
	Members   []string `json:"members"`
	Uncertain []string `json:"uncertain"`
	Assumed   string   `json:"assumed"`
}

type missing struct {
	Fact     string `json:"fact"`
	Elements int    `json:"elements"`
}

func ruleOf(r *Result, res *policy.Result) rule {
	u := res.Rule
	out := rule{Pack: res.Pack.ID, ID: u.ID, Title: u.Title, Clause: u.Clause, Kind: u.Kind, Severity: u.Severity, Status: u.Status, Unconfirmed: u.Unconfirmed,
		From: u.From.String(), To: u.To.String(), Outcome: res.Outcome.String(), Why: res.Why, Elements: outcomesOf(res.Counts),
		Breaks: names(r, res.Broken), Undetermined: names(r, res.Open), Groups: []group{}, Missing: []missing{}, Reads: list(u.Reads()), Need: []need{}}
	unit := "ppm"
	if u.Count != nil {
		unit = "count"
	}
	for i := range res.Groups {
		g := &res.Groups[i]
		out.Groups = append(out.Groups, group{list(g.Key), g.Outcome.String(), unit, g.Low, g.High, names(r, g.Members), names(r, g.Uncertain), g.Assumed})
	}
	for _, m := range res.Missing {
		out.Missing = append(out.Missing, missing{m.Fact, m.Elements})
	}
	if n := r.NeedOf(res); n != nil {
		out.Need = append(out.Need, needOf(n))
	}
	return out
}

func names(r *Result, nodes []int32) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = r.Network.ID(int(n))
	}
	return out
}

type need struct {
	Deadline string     `json:"deadline"`
	Early    string     `json:"earliest_start"`
	Late     string     `json:"latest_start"`
	Passed   bool       `json:"passed"`
	Region   string     `json:"region"` // the slowest
	Starts   []start    `json:"starts"` // the slowest region first
	Answer   answer     `json:"answer"`
	Anchors  int        `json:"blocked_by_anchors"`
	Hosts    int        `json:"blocked_by_hosts"`
	Managers []manager  `json:"blocked_by_managers"`
	Spares   int        `json:"spares_not_known"`
	Permits  int        `json:"permits_not_known"`
	Incoming []incoming `json:"if_replaced"`
	Outgoing []incoming `json:"instead_of"`
}

type start struct {
	Region   string `json:"region"`
	Elements int    `json:"elements"`
	Sites    int    `json:"sites"`
	Early    string `json:"earliest_start"`
	Late     string `json:"latest_start"`
	Passed   bool   `json:"passed"`
}

type manager struct {
	ID       string `json:"id"`
	Elements int    `json:"elements"`
}

type incoming struct {
	Vendor   string `json:"vendor"`
	Group    string `json:"group"`
	Before   int64  `json:"before_ppm"`
	After    int64  `json:"after_ppm"`
	Release  string `json:"release"`
	Examined string `json:"examined"`
}

func needOf(n *plan.Need) need {
	out := need{Deadline: n.Deadline.String(), Early: n.Early.String(), Late: n.Late.String(), Passed: n.Passed, Region: n.Region, Answer: answerOf(n.Cost),
		Starts: []start{}, Outgoing: []incoming{}, Hosts: n.Blocks.Hosts, Anchors: n.Blocks.Anchors, Managers: []manager{}, Spares: n.Blocks.Spares, Permits: n.Blocks.Permits, Incoming: []incoming{}}
	for _, x := range n.Starts {
		out.Starts = append(out.Starts, start{x.Region, x.Elements, x.Sites, x.Early.String(), x.Late.String(), x.Passed})
	}
	for _, in := range n.Outgoing {
		out.Outgoing = append(out.Outgoing, incoming{in.Vendor, in.Group, in.Before, in.After, in.Release, in.Examined})
	}
	for _, m := range n.Blocks.Managers {
		out.Managers = append(out.Managers, manager{m.ID, m.Elements})
	}
	for _, in := range n.Incoming {
		out.Incoming = append(out.Incoming, incoming{in.Vendor, in.Group, in.Before, in.After, in.Release, in.Examined})
	}
	return out
}

type model struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Payer    string `json:"payer"`
	Currency string `json:"currency"`
}

type answer struct {
	Model    string    `json:"model"`
	Currency string    `json:"currency"`
	Elements int       `json:"elements"`
	Sites    int       `json:"sites"`
	Anchors  int       `json:"anchors"`
	Cost     amount    `json:"cost"`
	Parts    []part    `json:"parts"`
	Due      span      `json:"due_ppm"`
	Uplift   span      `json:"uplift_ppm"`
	Years    []year    `json:"years"`
	Regions  []region  `json:"regions"`
	Open     []missing `json:"not_counted"`
}

// amount is a range of money, span one of anything else: the 5th, 50th and 95th
// of a hundred parts.
type amount struct {
	Low  string `json:"low"`
	Mid  string `json:"mid"`
	High string `json:"high"`
}

type span struct {
	Low  int64 `json:"low"`
	Mid  int64 `json:"mid"`
	High int64 `json:"high"`
}

type part struct {
	Name    string `json:"name"`
	Cost    amount `json:"cost"`
	Counted bool   `json:"counted"`
}

type year struct {
	Year int    `json:"year"`
	Cost amount `json:"cost"`
}

type region struct {
	Name     string `json:"name"`
	Elements int    `json:"elements"`
	Sites    int    `json:"sites"`
	Months   span   `json:"months"`
}

func amountOf(r plan.Range) amount {
	return amount{strconv.FormatInt(r.Low, 10), strconv.FormatInt(r.Mid, 10), strconv.FormatInt(r.High, 10)}
}

func answerOf(a *plan.Answer) answer {
	out := answer{Model: a.Model.ID, Currency: a.Model.Currency, Elements: a.Elements, Sites: a.Sites, Anchors: a.Anchors, Cost: amountOf(a.Cost),
		Due: span{a.Due.Low, a.Due.Mid, a.Due.High}, Uplift: span{a.Uplift.Low, a.Uplift.Mid, a.Uplift.High}, Parts: []part{}, Years: []year{}, Regions: []region{}, Open: []missing{}}
	for _, p := range a.Parts {
		out.Parts = append(out.Parts, part{p.Name, amountOf(p.Cost), p.Counted})
	}
	for _, y := range a.Years {
		out.Years = append(out.Years, year{y.Year, amountOf(y.Cost)})
	}
	for _, x := range a.Regions {
		out.Regions = append(out.Regions, region{x.Name, x.Elements, x.Sites, span{x.Months.Low, x.Months.Mid, x.Months.High}})
	}
	for _, o := range a.Open {
		out.Open = append(out.Open, missing{o.What, o.Elements})
	}
	return out
}

type exposed struct {
	By       string   `json:"by"`
	Assumed  bool     `json:"assumed"`
	Total    carried  `json:"total"`
	Unrouted carried  `json:"unrouted"`
	Folded   int      `json:"folded"`
	Unknown  int      `json:"unknown"`
	Gaps     []string `json:"gaps"`
	Rows     []seeing `json:"rows"`
}

type carried struct {
	Bps         string `json:"bps"`
	Subscribers string `json:"subscribers"`
	Sites       int64  `json:"sensitive_sites_thousandths"`
}

type seeing struct {
	Who      string  `json:"who"`
	Elements int     `json:"elements"`
	Manages  int     `json:"manages"`
	Hosts    int     `json:"hosts"`
	Anchors  int     `json:"anchors"`
	Content  answers `json:"content"`
	Metadata answers `json:"metadata"`
	Control  answers `json:"control"`
	Managed  answers `json:"managed"`
	Lost     carried `json:"lost_without"`
}

type answers struct {
	Always   carried `json:"always"`
	Normally carried `json:"normally"`
	Possibly carried `json:"possibly"`
}

func carriedOf(a exposure.Amount) carried {
	return carried{strconv.FormatInt(a.Bps, 10), strconv.FormatInt(a.Subscribers, 10), a.Sites}
}

func exposureOf(x *exposure.Result) exposed {
	out := exposed{By: x.By, Assumed: x.Assumed, Total: carriedOf(x.Total), Unrouted: carriedOf(x.Unrouted), Folded: x.Folded, Unknown: x.Unknown, Gaps: list(x.Gaps), Rows: []seeing{}}
	of := func(r exposure.Range) answers {
		return answers{carriedOf(r.Must), carriedOf(r.Expected), carriedOf(r.Could)}
	}
	for i := range x.Rows {
		r := &x.Rows[i]
		out.Rows = append(out.Rows, seeing{r.Who, r.Elements, r.Manages, r.Hosts, r.Anchors, of(r.Views[exposure.Content]), of(r.Views[exposure.Metadata]), of(r.Views[exposure.Control]), of(r.Views[exposure.Managed]), carriedOf(r.Lost)})
	}
	return out
}

type moment struct {
	Date    string        `json:"date"`
	Steps   int           `json:"steps"`
	Rules   []ruleState   `json:"rules"`
	Vendors []vendorState `json:"vendors"`
}

type ruleState struct {
	Pack     string    `json:"pack"`
	Rule     string    `json:"rule"`
	Verified bool      `json:"verified"`
	Without  ruleCount `json:"without_plan"`
	With     ruleCount `json:"with_plan"`
}

type ruleCount struct {
	Outcome      string `json:"outcome"`
	Breaks       int    `json:"breaks"`
	Undetermined int    `json:"undetermined"`
	Low          int64  `json:"low"`
	High         int64  `json:"high"`
}

type vendorState struct {
	Vendor  string `json:"vendor"`
	Without sight  `json:"without_plan"`
	With    sight  `json:"with_plan"`
}

// sight has of each view always, normally and possibly, in parts per million.
type sight struct {
	Elements int      `json:"elements"`
	Manages  int      `json:"manages"`
	Content  [3]int64 `json:"content_ppm"`
	Metadata [3]int64 `json:"metadata_ppm"`
	Control  [3]int64 `json:"control_ppm"`
	Managed  [3]int64 `json:"managed_ppm"`
}

func momentOf(m *plan.Moment) moment {
	out := moment{Date: m.Date.String(), Steps: m.Steps, Rules: []ruleState{}, Vendors: []vendorState{}}
	count := func(c plan.RuleCount) ruleCount {
		return ruleCount{c.Outcome.String(), c.Broken, c.Undetermined, c.Low, c.High}
	}
	for _, x := range m.Rules {
		out.Rules = append(out.Rules, ruleState{x.Pack, x.Rule, x.Verified, count(x.Without), count(x.With)})
	}
	see := func(x plan.Sight) sight {
		return sight{x.Elements, x.Manages, x.Views[exposure.Content], x.Views[exposure.Metadata], x.Views[exposure.Control], x.Views[exposure.Managed]}
	}
	for _, x := range m.Vendors {
		out.Vendors = append(out.Vendors, vendorState{x.Vendor, see(x.Without), see(x.With)})
	}
	return out
}

type pairs struct {
	By     string    `json:"by"`
	Joined string    `json:"joined"`
	Rows   []pairRow `json:"rows"`
}

type pairRow struct {
	Who    string `json:"who"`
	Passed int64  `json:"passed_ppm"`
}

type evidence struct {
	Digest   string   `json:"digest"`
	Vendor   string   `json:"vendor"`
	Product  string   `json:"product"`
	Release  string   `json:"release"`
	Bundle   bool     `json:"bundle"`
	Profiles []string `json:"profiles"`
	Opened   int64    `json:"opened_ppm"`
	CodeRead int64    `json:"code_read_ppm"`
	Source   string   `json:"source"`
}
