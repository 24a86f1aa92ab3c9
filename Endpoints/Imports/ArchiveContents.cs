using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Imports;

/// <summary>Which files of an archive hold chats, which hold pictures, and which are left out.</summary>
internal sealed partial class ArchiveContents
{
    private readonly ImportArchive _archive;
    private readonly Dictionary<string, ArchiveFile> _pictures = new(StringComparer.OrdinalIgnoreCase);

    public ArchiveContents(ImportArchive archive)
    {
        _archive = archive;
        Chats = archive.IsZip
            ? [.. archive.Files.Where(file => IsJson(file.BaseName) && LeftOut(file.BaseName) is null)
                .OrderBy(file => file.Name, NaturalOrder.Instance)]
            : [.. archive.Files];
        foreach (var file in archive.Files.Where(file => archive.IsZip && file.Unreadable is null && !IsJson(file.BaseName)))
        {
            _pictures.TryAdd(file.BaseName, file);
            _pictures.TryAdd(Path.GetFileNameWithoutExtension(file.BaseName), file);
            if (FileId().Match(file.BaseName) is { Success: true } id)
            {
                _pictures.TryAdd(id.Value, file);
            }
        }

        AddOtherNames();
    }

    public IReadOnlyList<ArchiveFile> Chats { get; }

    /// <summary>Opens a picture by its name, its id, or a path or address that ends with one.</summary>
    public Func<Stream?>? Find(string reference)
    {
        foreach (var segment in reference.Split('/', '?', '#').Reverse().Where(segment => segment.Length > 0))
        {
            if (_pictures.TryGetValue(segment, out var file)
                || (FileId().Match(segment) is { Success: true } id && _pictures.TryGetValue(id.Value, out file)))
            {
                return file.Open;
            }
        }

        return null;
    }

    /// <summary>Tells what of the archive holds no chats of this person, or cannot be read.</summary>
    public void Tell(ImportReport report)
    {
        foreach (var file in _archive.Files)
        {
            if (file.Unreadable is { } why)
            {
                report.Skip(file.Name, "unreadable_file", why);
            }
            else if (_archive.IsZip && LeftOut(file.BaseName) is { Length: > 0 } reason)
            {
                report.Skip(file.Name, "not_taken", reason);
            }
            else if (_archive.IsZip && file.BaseName.EndsWith(".zip", StringComparison.OrdinalIgnoreCase))
            {
                report.Skip(file.Name, "nested_archive", "An archive within the archive is not opened. Unpack it and import it by itself.");
            }
        }

        foreach (var name in Missing())
        {
            report.Skip(name, "file_missing", "The archive's own list names this file, but it is not there. Download the export again.");
        }

        if (_archive.IsCut)
        {
            report.Skip("The archive", "cut", "It was not downloaded to its end. What is there was taken; download it again for the rest.");
        }
    }

    /// <summary>The refusal of an archive in which nothing may hold chats.</summary>
    public ImportRefusedException NoChats()
    {
        var names = _archive.Files.Select(file => file.Name).ToList();
        bool Any(string part) => names.Any(name => name.Contains(part, StringComparison.OrdinalIgnoreCase));
        return new ImportRefusedException("no_chats", Any("Takeout/")
            ? FileKinds.Takeout
            : Any("webui.db") ? "This holds Open WebUI's database. Export the chats there instead: Settings, Data Controls, Export Chats."
            : Any("chat.html")
            ? "Only the page chat.html is in this archive; the chats are in its conversations.json. Download the export again."
            : names.Find(name => name.EndsWith(".zip", StringComparison.OrdinalIgnoreCase)) is { } inner
            ? $"This archive holds another one, {inner}. Unpack it and choose that."
            : "No file in this archive holds chats: there is no JSON file in it.");
    }

    /// <summary>Exports of 2026 call every file "….dat" and tell in a list what it was called.</summary>
    private void AddOtherNames()
    {
        if (Small("conversation_asset_file_names.json") is not { } list)
        {
            return;
        }

        using var text = new StreamReader(list.Open());
        foreach (var (name, other) in Parsed.Object(text.ReadToEnd())?.Members ?? [])
        {
            if (other.Text is { Length: > 0 } path && _pictures.TryGetValue(name[(name.LastIndexOf('/') + 1)..], out var file))
            {
                _pictures.TryAdd(path[(path.LastIndexOf('/') + 1)..], file);
            }
        }
    }

    private ArchiveFile? Small(string name) => _archive.IsZip
        ? _archive.Files.FirstOrDefault(file => file.BaseName == name && file is { Unreadable: null, Length: < 16 * 1024 * 1024 }) : null;

    private List<string> Missing()
    {
        var list = Small("export_manifest.json");
        if (list is null)
        {
            return [];
        }

        using var text = new StreamReader(list.Open());
        var there = _archive.Files.Select(file => file.BaseName).ToHashSet();
        return Numbered().Matches(text.ReadToEnd()).Select(found => found.Value).Distinct().Where(name => !there.Contains(name)).ToList();
    }

    private static bool IsJson(string name) => Path.GetExtension(name).ToLowerInvariant() is ".json" or ".jsonl" or ".ndjson";

    /// <summary>Why a file that some export is known to hold is left out; empty for what nobody would miss; null for all others.</summary>
    private static string? LeftOut(string name) => name.ToLowerInvariant() switch
    {
        "user.json" or "users.json" or "user_settings.json" or "export_manifest.json" or "manifest.json"
            or "conversation_asset_file_names.json" => "",
        "shared_conversations.json" => "It lists links of the other service. The chats themselves are among the others.",
        "message_feedback.json" => "Ratings of answers are not kept here.",
        "model_comparisons.json" => "Comparisons of answers are not kept here; the chats have the answers.",
        "group_chats.json" => "Chats of several people are not taken.",
        "projects.json" => "Projects with their instructions and files have no counterpart here; their chats were taken.",
        "memories.json" => "What the other service remembers has no counterpart here.",
        "sora.json" or "shopping.json" => "This has no counterpart here.",
        _ => null,
    };

    [GeneratedRegex(@"\Afile[-_][A-Za-z0-9]+|\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")]
    private static partial Regex FileId();

    [GeneratedRegex(@"conversations-\d+\.json")]
    private static partial Regex Numbered();

    /// <summary>Numbers within names by their value.</summary>
    private sealed class NaturalOrder : IComparer<string>
    {
        public static readonly NaturalOrder Instance = new();

        public int Compare(string? x, string? y) => string.CompareOrdinal(Padded(x!), Padded(y!));

        private static string Padded(string name) => Digits().Replace(name, number => number.Value.PadLeft(12, '0'));
    }

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();
}
