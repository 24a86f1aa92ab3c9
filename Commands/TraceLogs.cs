using System.Globalization;
using System.Text.Json;
using AiChat.Data;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>
/// The files in which the Node.js platform keeps the events of its task traces: trace-NUMBER.log, one JSON object a line.
/// </summary>
/// <param name="folders">Where they may be.</param>
internal sealed class TraceLogs(SourceReader source, IEnumerable<string> folders)
{
    public const string Missing = "their file trace-NUMBER.log is not there: name its folder with --trace-logs DIR";

    /// <summary>Of one trace. The platform's own bound was higher by a mistake there; nobody reads so many.</summary>
    public const int MaxEvents = 20_000;

    /// <summary>Characters of all events of one trace.</summary>
    private const int MaxText = 24 * 1024 * 1024;

    private const int MaxFiles = 200_000;

    private readonly Dictionary<string, string> _files = Find(folders);

    /// <summary>The events in their order, and why there are fewer than there were; null when none is missing.</summary>
    public (List<NodePlatformTraceEvent> Events, string? Why) Read(SourceTrace trace)
    {
        var stored = source.TraceEvents(trace.Id, MaxEvents + 1)
            .ConvertAll(row => new NodePlatformTraceEvent(Type(row.Type), row.At ?? 0, Payload(row.Payload)));
        var path = Path(trace);
        var (events, damaged, isLong) = stored.Count > 0 ? (stored, 0, stored.Count > MaxEvents)
            : path is null ? ([], 0, false) : ReadFile(path);
        var missing = (trace.Events ?? 0) - events.Count;
        var why = isLong ? $"a trace has at most {MaxEvents} events here"
            : damaged > 0 ? $"lines of {path} are damaged"
            : missing <= 0 ? null
            : path is null && stored.Count == 0 ? Missing
            : "its file has fewer than the database counts";
        return (events[..Math.Min(events.Count, MaxEvents)], why);
    }

    /// <summary>As it is named there, when this is the same machine; else the file of its number.</summary>
    private string? Path(SourceTrace trace)
    {
        var name = $"trace-{trace.Id.ToString(CultureInfo.InvariantCulture)}.log";
        using var rights = Ownership.AsStarted();
        var named = trace.Log?.Replace('\\', '/') is { Length: > 0 } log ? log[(log.LastIndexOf('/') + 1)..] : name;
        return _files.GetValueOrDefault(named) ?? _files.GetValueOrDefault(name)
            ?? (trace.Log is { } there && System.IO.Path.IsPathRooted(there) && File.Exists(there) ? there : null);
    }

    private static (List<NodePlatformTraceEvent> Events, int Damaged, bool IsLong) ReadFile(string path)
    {
        var events = new List<NodePlatformTraceEvent>();
        var (damaged, text) = (0, 0);
        try
        {
            using var file = new StreamReader(ImportSource.OpenFile(path));
            while (file.ReadLine() is { } line)
            {
                if (line.Trim().Length == 0)
                {
                    continue;
                }

                if (events.Count == MaxEvents || (text += line.Length) > MaxText)
                {
                    return (events, damaged, true);
                }

                if (Read(line) is { } item)
                {
                    events.Add(item);
                }
                else
                {
                    damaged++;
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            damaged++;
        }

        return (events, damaged, false);
    }

    private static NodePlatformTraceEvent? Read(string line)
    {
        using var document = ConnectionMapping.Parse(line);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } item)
        {
            return null;
        }

        var payload = item.TryGetProperty("payload", out var found) ? found.GetRawText() : null;
        var type = item.TryGetProperty("eventType", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
        var at = !item.TryGetProperty("timestamp", out var time) ? null
            : SourceValues.Time(time.ValueKind == JsonValueKind.Number && time.TryGetInt64(out var number) ? number
                : time.ValueKind == JsonValueKind.String ? time.GetString() : null);
        return new NodePlatformTraceEvent(Type(type), at as long? ?? 0, Payload(payload));
    }

    private static string Type(string? type) => type is { Length: > 0 and <= 100 } ? type : "event";

    /// <summary>An object, as the column wants it.</summary>
    private static string Payload(string? json)
    {
        using var document = ConnectionMapping.Parse(json);
        return document?.RootElement.ValueKind switch
        {
            JsonValueKind.Object => json!,
            null => "{}",
            _ => $"{{\"value\":{json}}}",
        };
    }

    private static Dictionary<string, string> Find(IEnumerable<string> folders)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = 6,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        using var rights = Ownership.AsStarted();
        foreach (var path in folders.SelectMany(folder => Directory.EnumerateFiles(folder, "trace-*.log", options)).Take(MaxFiles))
        {
            files.TryAdd(System.IO.Path.GetFileName(path), path);
        }

        return files;
    }
}
