package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wardein/wardein/internal/term"
)

// setting is a key of a configuration file and the flag of the same name. Its
// variable is WARDEIN_ and the name in capitals.
type setting struct {
	key, about string
	// check refuses values that the flag would refuse.
	check func(string) error
	// personal settings are not taken from ./wardein.toml: whoever made the
	// folder that a user stands in must not choose them.
	personal bool
}

// settings are all keys. There is none for --no-sandbox, on purpose: who reads
// hostile bytes without a cage says so each time.
var settings = []setting{
	{key: "as-of", about: "judge time-dependent rules at this date", check: checkDate},
	{key: "color", about: "auto, always or never; set here it goes before NO_COLOR", check: checkColor},
	{key: "db", about: "the vulnerability database's file, or sample", check: func(string) error { return nil }, personal: true},
	{key: "fail-on", about: "exit 1 when a finding is of this severity or above", check: func(s string) error { _, err := parseFailOn(s); return err }},
	{key: "limit", about: "store prune keeps at most this many MB", check: checkNumber},
	{key: "max-size", about: "export writes at most this many MB", check: checkNumber},
	{key: "output", about: "what inspect writes: a list of table, json, html", check: checkOutputKind},
	{key: "published-defaults", about: "true: compare passwords with published defaults of products", check: checkBool},
	{key: "quiet", about: "true: no progress and no notes", check: checkBool},
	{key: "store", about: "the store's folder, absolute or beginning with ~/", check: func(string) error { return nil }, personal: true},
	{key: "strict", about: "true: exit 3 when there are gaps", check: checkBool},
}

const localConfig = "wardein.toml"

// value is a setting's value and where it came from.
type value struct {
	list []string // of one element, but for output
	from string
}

func (v value) String() string { return strings.Join(v.list, ",") }

// configured reads the configuration files and the environment: a later one
// goes before an earlier. Keys that nobody sets are absent.
func configured() (map[string]value, error) {
	all := map[string]value{}
	if file := userConfig(); file != "" {
		if err := readConfig(file, file, false, all); err != nil {
			return nil, err
		}
	}
	if err := readConfig(localConfig, "./"+localConfig, true, all); err != nil {
		return nil, err
	}
	for _, s := range settings {
		name := variable(s.key)
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		v := value{[]string{text}, name}
		if s.key == "output" {
			v.list = strings.Split(text, ",")
		}
		for _, x := range v.list {
			if err := s.check(x); err != nil {
				return nil, fmt.Errorf("%w: %s", err, name)
			}
		}
		all[s.key] = v
	}
	return all, nil
}

func variable(key string) string {
	return "WARDEIN_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// userConfig is the name of the user's configuration file, "" when there is
// no folder for it.
func userConfig() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "wardein", "config.toml")
}

const maxConfig = 64 << 10

// readConfig takes the settings of one file over; a file that is not there
// has none.
func readConfig(file, from string, local bool, all map[string]value) error {
	st, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() > maxConfig {
		return fmt.Errorf("want a file of at most %d bytes: %s", maxConfig, from)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	values, err := decodeConfig(b, from)
	if err != nil {
		return err
	}
	for i, s := range settings {
		if values[i] == nil {
			continue
		}
		where := fmt.Sprintf("%s:%d", from, lineOf(b, s.key))
		list, err := texts(s, values[i])
		if err != nil {
			return fmt.Errorf("%w: %s", err, where)
		}
		if s.personal && local {
			return &hinted{fmt.Errorf("%s cannot be set in this folder: %s", s.key, where), fmt.Sprintf("it belongs in %s or %s", userConfig(), variable(s.key))}
		}
		all[s.key] = value{list, from}
	}
	return nil
}

// decodeConfig decodes a file into one value for each setting, nil where it
// has none. A key that is no setting is an error that names its line.
func decodeConfig(b []byte, from string) ([]any, error) {
	var fields []reflect.StructField
	for i, s := range settings {
		fields = append(fields, reflect.StructField{Name: "F" + strconv.Itoa(i), Type: reflect.TypeFor[any](), Tag: reflect.StructTag(`toml:"` + s.key + `"`)})
	}
	into := reflect.New(reflect.StructOf(fields))
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(into.Interface())
	var strict *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		e := &strict.Errors[0]
		line, _ := e.Position()
		key := strings.Join(e.Key(), ".")
		var names []string
		for _, s := range settings {
			names = append(names, s.key)
		}
		hint := "wardein config lists the keys"
		if n := nearest(strings.ReplaceAll(key, "_", "-"), names); n != "" {
			hint = "did you mean " + n + "?"
		} else if key == "no-sandbox" || key == "sandbox" {
			hint = "there is no key for it: say --no-sandbox each time"
		}
		return nil, &hinted{fmt.Errorf("unknown key %q: %s:%d", key, from, line), hint}
	case errors.As(err, &bad):
		line, _ := bad.Position()
		return nil, fmt.Errorf("%s: %s:%d", strings.TrimPrefix(bad.Error(), "toml: "), from, line)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, from)
	}
	values := make([]any, len(settings))
	for i := range settings {
		values[i] = into.Elem().Field(i).Interface()
	}
	return values, nil
}

// texts is a decoded value in the form that the flag takes.
func texts(s setting, v any) (list []string, err error) {
	switch v := v.(type) {
	case string:
		list = []string{v}
	case bool:
		list = []string{strconv.FormatBool(v)}
	case int64:
		list = []string{strconv.FormatInt(v, 10)}
	case toml.LocalDate:
		list = []string{v.String()}
	case []any:
		for _, x := range v {
			t, ok := x.(string)
			if !ok || s.key != "output" {
				return nil, fmt.Errorf("bad value: %s", s.key)
			}
			list = append(list, t)
		}
	default:
		return nil, fmt.Errorf("bad value: %s", s.key)
	}
	for i, x := range list {
		if err := s.check(x); err != nil {
			return nil, err
		}
		if s.key != "store" {
			continue
		}
		if rest, ok := strings.CutPrefix(x, "~/"); ok {
			home, err := os.UserHomeDir()
			if err != nil {
				return nil, err
			}
			list[i] = filepath.Join(home, rest)
		} else if !filepath.IsAbs(x) {
			return nil, fmt.Errorf("store is not an absolute path: %q", x)
		}
	}
	return list, nil
}

// lineOf is the line that a key of the outermost table stands on.
func lineOf(b []byte, key string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*(\[[ \t]*)?["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*[=.\]]`).FindIndex(b)
	if at == nil {
		return 1
	}
	return 1 + bytes.Count(b[:at[0]], []byte("\n"))
}

func checkDate(s string) error {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return &hinted{fmt.Errorf("no date: as-of %q", s), "YYYY-MM-DD"}
	}
	return nil
}

func checkColor(s string) error {
	if !slices.Contains([]string{"auto", "always", "never"}, s) {
		return &hinted{fmt.Errorf("unknown value: color %q", s), "auto, always or never"}
	}
	return nil
}

func checkBool(s string) error {
	if _, err := strconv.ParseBool(s); err != nil {
		return fmt.Errorf("neither true nor false: %q", s)
	}
	return nil
}

func checkNumber(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 0 {
		return fmt.Errorf("no number of MB: %q", s)
	}
	return nil
}

// checkOutputKind takes kinds without a file: a file is named where it is
// wanted, on the command line.
func checkOutputKind(s string) error {
	if _, ok := kinds[s]; !ok {
		return &hinted{fmt.Errorf("unknown output: %q", s), "outputs are " + kindList + "; files are named on the command line only"}
	}
	return nil
}

// configure gives a verb's flags the values of the configuration where the
// command line has not set them.
func configure(cmd *cobra.Command) error {
	all, err := configured()
	if err != nil {
		return err
	}
	var here []string // what ./wardein.toml decides
	for _, s := range settings {
		f := cmd.Flags().Lookup(s.key)
		v, ok := all[s.key]
		if f == nil || !ok || f.Changed || s.key == "output" && (cmd.Name() != "inspect" || cmd.Flags().Changed("json")) {
			continue
		}
		if sv, ok := f.Value.(pflag.SliceValue); ok {
			err = sv.Replace(v.list)
		} else {
			err = f.Value.Set(v.String())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", v.from, err)
		}
		if v.from == "./"+localConfig {
			here = append(here, s.key+" = "+v.String())
		}
	}
	// Said even where this very file says quiet: somebody else may have put
	// it there.
	if f := cmd.Flags().Lookup("quiet"); len(here) > 0 && (f == nil || !f.Changed && (f.Value.String() != "true" || all["quiet"].from == "./"+localConfig)) {
		fmt.Fprintf(cmd.ErrOrStderr(), "wardein: ./%s says %s\n", localConfig, term.Clean(strings.Join(here, ", ")))
	}
	return nil
}
