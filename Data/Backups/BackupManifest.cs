using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AiChat.Data.Backups;

/// <summary>What a backup says of itself, in its file manifest.json.</summary>
internal sealed record BackupManifest
{
    public const string FileName = "manifest.json";

    /// <summary>The form of the folder; a greater number is of a newer program.</summary>
    public const int NewestFormat = 1;

    /// <summary>The facts stand in front of the files, and fit in this many bytes.</summary>
    private const int MaxFacts = 8 * 1024;

    public int Format { get; init; } = NewestFormat;

    public required string Name { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The program that made it.</summary>
    public required string Version { get; init; }

    /// <summary>The schema of the database in it.</summary>
    public required int Schema { get; init; }

    /// <summary>The installation. What is encrypted in the database opens only with the master key and this id.</summary>
    public required InstanceMarker Instance { get; init; }

    public required BackupCounts Counts { get; init; }

    /// <summary>How the master key is in it: <c>none</c>, <c>passphrase</c> or <c>plain</c>.</summary>
    public required string MasterKey { get; init; }

    /// <summary>All files but this one.</summary>
    public required long Bytes { get; init; }

    /// <summary>Images that the database names and that were not there when the backup was made.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    public IReadOnlyList<BackupFile> Files { get; init; } = [];

    /// <summary>The whole manifest in a backup's folder.</summary>
    /// <exception cref="BackupException">It is missing, or not one.</exception>
    public static BackupManifest Read(string folder) => Parse(Open(folder));

    /// <summary>The manifest without its files, which can be a hundred thousand.</summary>
    /// <exception cref="BackupException">It is missing, or not one.</exception>
    public static BackupManifest ReadFacts(string folder)
    {
        using var stream = Open(folder);
        var head = new byte[MaxFacts];
        var text = Encoding.UTF8.GetString(head, 0, stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false));
        var files = text.IndexOf("\"files\":[", StringComparison.Ordinal);
        if (files < 0)
        {
            stream.Position = 0;
            return Parse(stream) with { Files = [] };
        }

        return Parse(new MemoryStream(Encoding.UTF8.GetBytes(text[..files] + "\"files\":[]}")));
    }

    /// <summary>Reads a manifest and closes the stream.</summary>
    /// <exception cref="BackupException">It is not one.</exception>
    public static BackupManifest Parse(Stream stream)
    {
        using (stream)
        {
            try
            {
                var manifest = JsonSerializer.Deserialize(stream, BackupJson.Default.BackupManifest)
                    ?? throw new JsonException("it is empty");
                return manifest.Format > NewestFormat
                    ? throw new BackupException("The backup was made by a newer AiChat than this. Restore it with that one.")
                    : manifest;
            }
            catch (Exception error) when (error is JsonException or NotSupportedException)
            {
                throw new BackupException($"{FileName} of the backup cannot be read: {error.Message}", error);
            }
        }
    }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest);

    private static FileStream Open(string folder)
    {
        try
        {
            return File.OpenRead(Path.Combine(folder, FileName));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BackupException($"This is no backup of AiChat: {error.Message}", error);
        }
    }
}

/// <summary>How many rows the database in a backup has, to compare with after a restore.</summary>
internal sealed record BackupCounts(long Users, long Sessions, long Messages, long Images);

/// <summary>A file of a backup.</summary>
/// <param name="Path">Within the folder, with slashes.</param>
/// <param name="Sha256">In hex.</param>
internal sealed record BackupFile(string Path, long Bytes, string Sha256);

/// <summary>A backup cannot be made, read or restored; the message is for the operator.</summary>
internal sealed class BackupException(string message, Exception? inner = null) : Exception(message, inner);

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, RespectNullableAnnotations = true, UseStringEnumConverter = true,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(BackupManifest))]
[JsonSerializable(typeof(BackupState))]
[JsonSerializable(typeof(SealedKey))]
[JsonSerializable(typeof(RestoreJournal))]
internal sealed partial class BackupJson : JsonSerializerContext;
