//! The command line's world: variables, standard streams, exit. There are no arguments, no input and no terminal.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::AsGuest;
use crate::guest::{Guest, Halt, Stream};

impl environment::Host for Guest {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(match &self.run {
            Some(run) if self.in_body() => run.variables().to_vec(),
            _ => Vec::new(),
        })
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for Guest {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.exit_with_code(u8::from(status.is_err()))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(Halt::permanent(format!(
            "the code called exit({code}); a function must return its result or an error instead"
        ))
        .into())
    }
}

impl stdin::Host for Guest {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(stream)?)
    }
}

impl stdout::Host for Guest {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = self.sink.stream(Stream::Out);
        Ok(self.table.push(stream)?)
    }
}

impl stderr::Host for Guest {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let stream: DynOutputStream = self.sink.stream(Stream::Err);
        Ok(self.table.push(stream)?)
    }
}

impl terminal_input::Host for Guest {}

impl terminal_input::HostTerminalInput for Guest {
    fn drop(&mut self, terminal: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Guest {}

impl terminal_output::HostTerminalOutput for Guest {
    fn drop(
        &mut self,
        terminal: Resource<terminal_output::TerminalOutput>,
    ) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for Guest {
    fn get_terminal_stdin(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Guest {
    fn get_terminal_stdout(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Guest {
    fn get_terminal_stderr(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    environment::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    exit::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    stdin::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    stdout::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    stderr::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    terminal_input::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    terminal_output::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    terminal_stdin::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    terminal_stdout::add_to_linker::<_, AsGuest>(linker, |guest| guest)?;
    terminal_stderr::add_to_linker::<_, AsGuest>(linker, |guest| guest)
}
