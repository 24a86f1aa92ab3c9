using System.Buffers.Binary;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AiChat.Tests.Torture;

/// <summary>
/// A machine whose disk and clock the test commands: a folder, and what makes the native server use it through <c>machine.c</c>. Every
/// change below the folder is recorded; calls fail, wait or end the process as told, also while it runs.
/// </summary>
internal sealed partial class Machine : IDisposable
{
    private const int WriteOnlyAppend = 0x401; // O_WRONLY | O_APPEND, which .NET's own append is not

    private static readonly Lazy<string> Library = new(Compile);

    /// <summary>The folder of the sources.</summary>
    public static readonly string Source =
        typeof(Machine).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!;

    private readonly Lock _log = new();
    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("aichat-torture-");

    public Machine()
    {
        Directory.CreateDirectory(Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The folder of the server.</summary>
    public string Data => Path.Combine(_place.FullName, "data");

    /// <summary>The record of the changes.</summary>
    public string Log => Path.Combine(_place.FullName, "log");

    private string FaultFile => Path.Combine(_place.FullName, "faults");

    private string ClockFile => Path.Combine(_place.FullName, "clock");

    /// <summary>What a process needs to run on this machine.</summary>
    public Dictionary<string, string> Variables => new()
    {
        ["LD_PRELOAD"] = Library.Value,
        ["TORTURE_ROOT"] = Data,
        ["TORTURE_LOG"] = Log,
        ["TORTURE_FAULTS"] = FaultFile,
        ["TORTURE_CLOCK"] = ClockFile,
    };

    public TestServerOptions Options(params (string Name, string Value)[] more) => new() { DataDir = Data, Variables = With(more) };

    public Dictionary<string, string> With(params (string Name, string Value)[] more)
    {
        var variables = Variables;
        foreach (var (name, value) in more)
        {
            variables[name] = value;
        }

        return variables;
    }

    /// <summary>Lets calls fail from now on; no rule lets none fail. Holds for the running process too.</summary>
    public void Break(params Fault[] faults) =>
        Replace(FaultFile, string.Join('\n', faults.Select(fault => fault.ToString())));

    /// <summary>Moves the wall clock; the monotonic clock goes on as it did.</summary>
    public void SetClock(TimeSpan ahead) => Replace(ClockFile, $"{(long)ahead.TotalSeconds}");

    /// <summary>Adds to the record that a client has got an answer. What is recorded before it happened before it.</summary>
    public void Acknowledge(string what)
    {
        var text = Encoding.UTF8.GetBytes(what);
        var bytes = new byte[DiskLog.HeadLength + text.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length);
        bytes[4] = (byte)'A';
        text.CopyTo(bytes, DiskLog.HeadLength);
        lock (_log)
        {
            using var log = new SafeFileHandle(Open(Log, WriteOnlyAppend), ownsHandle: true);
            RandomAccess.Write(log, bytes, 0); // at its end, wherever that is: so it is with O_APPEND
        }
    }

    /// <summary>An empty folder, in memory where the system has such a place.</summary>
    public static string Scratch()
    {
        var place = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        return Directory.CreateDirectory(
            Path.Combine(place, $"aichat-torture-{Guid.NewGuid():N}"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    public void Dispose() => _place.Delete(recursive: true);

    private static void Replace(string path, string text)
    {
        File.WriteAllText(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static string Compile()
    {
        var library = Path.Combine(AppContext.BaseDirectory, $"machine-{Environment.ProcessId}.so");
        string[] arguments = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o", library];
        var start = new ProcessStartInfo("clang", [.. arguments, Path.Combine(Source, "Tests/Torture/machine.c"), "-ldl"]);
        start.RedirectStandardError = true;
        using var compiler = Process.Start(start)!;
        var said = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, said);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => File.Delete(library);
        return library;
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}

/// <summary>Which calls fail: of one kind, on paths that hold this part.</summary>
/// <param name="Kind">write, create (new names), remove, sync or read.</param>
/// <param name="Error">The number of the error; 0 only waits.</param>
internal sealed record Fault(string Kind, int Error, string Part = "/", long Skip = 0, long Count = -1, int Milliseconds = 0)
{
    public const int InputOutput = 5, NoSpace = 28, ReadOnly = 30;

    public static Fault[] FullDisk(string part = "/") => [new("write", NoSpace, part), new("create", NoSpace, part)];

    public override string ToString() => $"{Kind} {Error} {Skip} {Count} {Milliseconds} {Part}";
}
