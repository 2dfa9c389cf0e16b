module order-saga-go

go 1.25

require abide/sdk v0.0.0

replace abide/sdk => ../../guest-sdk/go
