// Go wants an assembly file beside functions that have no body.
