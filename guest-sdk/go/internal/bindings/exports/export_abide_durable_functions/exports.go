//go:build wasip1

// Package export_abide_durable_functions is what the generated bindings call when the host calls the component. The generator decides its
// name. The SDK fills it in.
package export_abide_durable_functions

import (
	types "abide/sdk/internal/bindings/imports/abide_durable_types"
	wit "abide/sdk/internal/wit/types"
)

var (
	// Describe gives the app's functions.
	Describe func() []types.FunctionConfig
	// EventSchemas gives the shapes of the events that the app knows.
	EventSchemas func() []types.EventSchema
	// Run runs a function.
	Run func(types.RunContext) wit.Result[string, types.Failure]
)
