// Renders the templates of a Helm chart with the engine that Helm uses, Go's text/template, and the few of
// Helm's functions that ours use; for machines where Helm itself is not packaged.
//
//	render CHART-DIRECTORY < DATA.json    what templates see as Values, Chart, Release
//
// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func main() {
	var data map[string]interface{}
	fail(json.NewDecoder(os.Stdin).Decode(&data)) // numbers are float64, as Helm's are
	chart := template.New("chart").Option("missingkey=error")
	chart.Funcs(template.FuncMap{
		"quote": func(value interface{}) string { return strconv.Quote(fmt.Sprint(value)) },
		"toJson": func(value interface{}) (string, error) {
			out, err := json.Marshal(value)
			return string(out), err
		},
		"default": func(other, value interface{}) interface{} {
			if value == nil || value == "" {
				return other
			}
			return value
		},
		"int64": func(value float64) int64 { return int64(value) },
		"add":   func(value float64, more int64) int64 { return int64(value) + more },
		"include": func(name string, data interface{}) (string, error) {
			var out bytes.Buffer
			err := chart.ExecuteTemplate(&out, name, data)
			return out.String(), err
		},
	})
	files, err := filepath.Glob(filepath.Join(os.Args[1], "templates", "*"))
	fail(err)
	_, err = chart.ParseFiles(files...)
	fail(err)
	for _, file := range files {
		if name := filepath.Base(file); !strings.HasPrefix(name, "_") {
			fmt.Println("---")
			fail(chart.ExecuteTemplate(os.Stdout, name, data))
		}
	}
}
