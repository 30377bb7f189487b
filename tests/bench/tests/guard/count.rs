//! Counts what this thread asks of the allocator and of the kernel while it is told to.
//!
//! The libc functions through which Rust reaches sockets, pipes and futexes are defined here anew: the linker takes a
//! program's own before the library's. Nothing has to be installed, no debugger attached, and a clock plays no part.
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ops::Sub,
};

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Blocks taken from the allocator, growing one included.
    pub(crate) allocations: u64,
    /// System calls that write to a socket.
    pub(crate) sends: u64,
    /// System calls that read from a socket.
    pub(crate) receives: u64,
    /// System calls that wake another thread: writes to an eventfd, futexes.
    pub(crate) wakes: u64,
}

impl Sub for Counts {
    type Output = Counts;

    fn sub(self, other: Counts) -> Counts {
        Counts {
            allocations: self.allocations - other.allocations,
            sends: self.sends - other.sends,
            receives: self.receives - other.receives,
            wakes: self.wakes - other.wakes,
        }
    }
}

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static TRAFFIC: Cell<u64> = const { Cell::new(0) };
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, sends: 0, receives: 0, wakes: 0 }) };
}

/// Counts whatever `work` does on this thread.
pub(crate) fn counting<T>(work: impl FnOnce() -> T) -> T {
    COUNTING.set(true);
    let result = work();
    COUNTING.set(false);
    result
}

/// Everything that this thread has counted.
pub(crate) fn counts() -> Counts {
    COUNTS.get()
}

/// System calls on sockets, counted or not: while they go on, something is happening.
pub(crate) fn traffic() -> u64 {
    TRAFFIC.get()
}

fn count(add: impl FnOnce(&mut Counts)) {
    if COUNTING.get() {
        let mut counts = COUNTS.get();
        add(&mut counts);
        COUNTS.set(counts);
    }
}

struct Counted;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|counts| counts.allocations += 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|counts| counts.allocations += 1);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|counts| counts.allocations += 1);
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

/// Defines libc functions that count and then do what libc's do.
macro_rules! counted {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $count:ident;)*) => { $(
        /// # Safety
        /// As the libc function's.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            type Function = unsafe extern "C" fn($($type),*) -> $result;
            $count(counted!(@first $($argument),*).into());
            // SAFETY: libc's function of this name, which has this type.
            unsafe {
                let next = libc::dlsym(libc::RTLD_NEXT, concat!(stringify!($name), "\0").as_ptr().cast());
                std::mem::transmute::<*mut libc::c_void, Function>(next)($($argument),*)
            }
        }
    )* };
    (@first $first:ident $(, $rest:ident)*) => { $first };
}

use libc::{c_int, c_long, c_void, iovec, msghdr, size_t, sockaddr, socklen_t, ssize_t};

counted! {
    write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t, written;
    writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t, written;
    send(fd: c_int, bytes: *const c_void, length: size_t, flags: c_int) -> ssize_t, written;
    sendto(
        fd: c_int, bytes: *const c_void, length: size_t, flags: c_int, to: *const sockaddr, size: socklen_t
    ) -> ssize_t, written;
    sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t, written;
    read(fd: c_int, bytes: *mut c_void, length: size_t) -> ssize_t, read_from;
    readv(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t, read_from;
    recv(fd: c_int, bytes: *mut c_void, length: size_t, flags: c_int) -> ssize_t, read_from;
    recvfrom(
        fd: c_int, bytes: *mut c_void, length: size_t, flags: c_int, from: *mut sockaddr, size: *mut socklen_t
    ) -> ssize_t, read_from;
    recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t, read_from;
    // Variadic in C; the standard library waits on and wakes its locks with it.
    syscall(
        number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long
    ) -> c_long, system_call;
}

fn written(fd: c_long) {
    if is_socket(fd) {
        TRAFFIC.set(TRAFFIC.get() + 1);
        count(|counts| counts.sends += 1);
    } else {
        count(|counts| counts.wakes += 1);
    }
}

fn read_from(fd: c_long) {
    if is_socket(fd) {
        TRAFFIC.set(TRAFFIC.get() + 1);
        count(|counts| counts.receives += 1);
    }
}

fn system_call(number: c_long) {
    if number == libc::SYS_futex {
        count(|counts| counts.wakes += 1);
    }
}

fn is_socket(fd: c_long) -> bool {
    // SAFETY: all-zero is a valid stat, and the kernel is given one to fill.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd as c_int, &raw mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFSOCK
    }
}
