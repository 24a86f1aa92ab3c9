using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace AiChat.Commands;

/// <summary>
/// Where an installation as a service of systemd lies, and the texts of its files. What differs from the defaults stands in a drop-in, so
/// the unit itself is the same everywhere.
/// </summary>
/// <param name="Root">"" or the folder of another system's root.</param>
/// <param name="User">Whom the service runs as.</param>
/// <param name="DataDir">As the service sees it.</param>
internal sealed record ServiceFiles(string Root, string User, string DataDir)
{
    public const string DefaultUser = "aichat";
    public const string DefaultDataDir = "/var/lib/aichat";
    public const int DefaultPort = 8001;

    /// <summary>Ports below it are only for those who may (net.ipv4.ip_unprivileged_port_start).</summary>
    public const int FirstFreePort = 1024;

    private const string Seal = "# Written by aichat install. Own changes belong into systemctl edit aichat. sha256 of the lines above: ";

    /// <summary>What ProtectHome= hides.</summary>
    private static readonly string[] Homes = ["/home/", "/root/", "/run/user/"];

    public string Binary => Root + "/usr/local/bin/aichat";

    /// <summary>The one before the last upgrade.</summary>
    public string PreviousBinary => Binary + ".previous";

    public string UnitFile => Root + "/etc/systemd/system/aichat.service";

    public string DropInFolder => UnitFile + ".d";

    public string DropInFile => DropInFolder + "/10-install.conf";

    public string EnvironmentFolder => Root + "/etc/aichat";

    public string EnvironmentFile => EnvironmentFolder + "/aichat.env";

    public bool IsThisSystem => Root.Length == 0;

    /// <summary>systemd is the init of this machine (sd_booted(3)).</summary>
    public bool HasSystemd => IsThisSystem && Directory.Exists("/run/systemd/system");

    /// <summary>deploy/aichat.service.</summary>
    public static string Unit { get; } = ReadUnit();

    /// <summary>The unit with its own digest in the last line, so that a later install knows whether somebody changed it.</summary>
    public static string SealedUnit => $"{Unit}{Seal}{Digest(Unit)}\n";

    /// <summary>What is installed under this root; the defaults where nothing is.</summary>
    public static ServiceFiles Find(string root)
    {
        var found = new ServiceFiles(root.TrimEnd('/'), DefaultUser, DefaultDataDir);
        return found with
        {
            User = Value(found.DropInFile, "User") ?? DefaultUser,
            DataDir = Value(found.EnvironmentFile, "DATA_DIR")?.TrimEnd('/') ?? DefaultDataDir,
        };
    }

    /// <summary>Whether a unit is one that an install wrote and nobody changed since.</summary>
    public static bool IsUntouched(string unit)
    {
        var at = unit.LastIndexOf(Seal, StringComparison.Ordinal);
        return at < 0 ? unit == Unit : unit[(at + Seal.Length)..].TrimEnd() == Digest(unit[..at]);
    }

    /// <summary>PORT of the environment file; null when it has none.</summary>
    public int? ConfiguredPort() =>
        int.TryParse(Value(EnvironmentFile, "PORT"), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : null;

    /// <summary>User and group of the service by number, as that other system has them; null when it has no such user.</summary>
    public string? NumbersOfUser()
    {
        var users = Root + "/etc/passwd";
        var lines = File.Exists(users) ? File.ReadLines(users) : [];
        var line = lines.FirstOrDefault(line => line.StartsWith(User + ":", StringComparison.Ordinal));
        return line?.Split(':') is [_, _, var user, var group, ..] ? $"{user}:{group}" : null;
    }

    /// <summary>Null when the unit fits as it is.</summary>
    public string? DropIn(int port)
    {
        var lines = new List<string>();
        if (User != DefaultUser)
        {
            lines.AddRange([$"User={User}", "Group="]); // the user's own
        }

        if (DataDir != DefaultDataDir)
        {
            lines.AddRange(["StateDirectory=", $"WorkingDirectory={DataDir}"]);
            lines.AddRange(IsInHome(DataDir) ? ["ProtectHome=tmpfs", $"BindPaths={DataDir}"] : [$"ReadWritePaths={DataDir}"]);
        }

        if (port < FirstFreePort)
        {
            // A capability counts nothing for the network outside a user namespace of one's own.
            lines.AddRange(["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "PrivateUsers=no"]);
        }

        return lines.Count == 0 ? null
            : "# Written by aichat install, and anew by the next. Own changes belong into another file (systemctl edit aichat).\n"
            + $"[Service]\n{string.Join('\n', lines)}\n";
    }

    /// <summary>The environment file of a first install.</summary>
    public string NewEnvironment(int port) => $"""
        # Settings of AiChat, one NAME=value in a line, read at each start (systemctl restart aichat). README lists the names.
        # A value with blanks, quotation marks, backslashes, $ or # stands between single quotes.
        DATA_DIR={DataDir}
        PORT={port}

        """;

    /// <summary>The text of an environment file with this variable in it, and nothing else changed.</summary>
    public static string With(string environment, string name, string value)
    {
        var lines = environment.Split('\n').ToList();
        var at = lines.FindLastIndex(line => line.StartsWith(name + "=", StringComparison.Ordinal));
        if (at >= 0)
        {
            lines[at] = $"{name}={value}";
        }
        else
        {
            lines.Insert(lines[^1].Length == 0 ? lines.Count - 1 : lines.Count, $"{name}={value}");
        }

        return string.Join('\n', lines);
    }

    private static bool IsInHome(string folder) =>
        Homes.Any(home => folder.StartsWith(home, StringComparison.Ordinal));

    /// <summary>What a file of NAME=value lines says last, without quotation marks.</summary>
    private static string? Value(string file, string name)
    {
        var lines = File.Exists(file) ? File.ReadLines(file) : [];
        var line = lines.LastOrDefault(line => line.StartsWith(name + "=", StringComparison.Ordinal));
        return line?[(name.Length + 1)..].Trim().Trim('"', '\'') is { Length: > 0 } value ? value : null;
    }

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string ReadUnit()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("aichat.service")!);
        return reader.ReadToEnd();
    }
}
