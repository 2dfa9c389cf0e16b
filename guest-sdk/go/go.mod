module abide/sdk

go 1.25
