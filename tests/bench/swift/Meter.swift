import Foundation

/// Before each cell, unmeasured; seconds.
let warmUp = 0.05

/// Seconds of a clock that only grows.
func now() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

/// Runs from its making until `stop`.
struct Meter {
  private let cpu = usage().cpu
  private let started = now()

  func stop(_ cell: String, _ done: Done) -> String {
    let wall = now() - started
    let (cpu, rss) = usage()
    let sorted = done.latencies.sorted()
    let quantile = { (share: Double) in
      sorted.isEmpty ? "null" : String(sorted[Int(Double(sorted.count - 1) * share)] * 1e6)
    }
    return #"{"cell":"\#(cell)","operations":\#(done.operations),"wall":\#(wall),"cpu":\#(cpu - self.cpu),"#
      + #""p50":\#(quantile(0.5)),"p99":\#(quantile(0.99)),"rss":\#(rss)}"#
  }
}

/// RUSAGE_SELF, which is of another type on each platform.
private let ourselves: Int32 = 0

/// Seconds of CPU of this process, and its peak resident size in KiB.
private func usage() -> (cpu: Double, rss: Int) {
  var usage = rusage()
  getrusage(ourselves, &usage)
  let seconds = { (time: timeval) in Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
  return (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss)
}

/// What this process holds in memory now, in bytes; nil where the system does not say.
func resident() -> Int? {
  guard let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
  return Int(pages.split(separator: " ")[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) }
}
