using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AiChat.Data.Sqlite;

namespace AiChat.Commands;

/// <summary>What this executable is, what it needs and what is linked into it.</summary>
internal static partial class BuildFacts
{
    /// <summary>Version and, after a plus sign, the commit it was built from.</summary>
    public static string Version { get; } =
        typeof(BuildFacts).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The oldest glibc it starts on; null when it runs on the JIT.</summary>
    public static string? Glibc { get; } = typeof(BuildFacts).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .FirstOrDefault(fact => fact.Key == "Glibc")?.Value;

    /// <summary>Such as linux-x64.</summary>
    public static string Platform { get; } = $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>The oldest processors it starts on. Newer instructions are used where a check at run time finds them.</summary>
    public static string Processor { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64
        ? "armv8-a"
        : "x86-64-v1 with CMPXCHG16B";

    /// <summary>Such as 3.0.22.</summary>
    public static string OpenSsl
    {
        get
        {
            // OpenSSL packs its number as 0xMNN00PP0.
            var number = SafeEvpPKeyHandle.OpenSslVersion;
            return $"{number >> 28 & 0xf}.{number >> 20 & 0xff}.{number >> 4 & 0xff}";
        }
    }

    public static string Sqlite => SqliteFacts.Version;

    /// <summary>The glibc of this system, such as 2.36.</summary>
    public static string SystemGlibc => Marshal.PtrToStringUTF8(GetLibcVersion()) ?? "unknown";

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static partial IntPtr GetLibcVersion();
}
