namespace AiChat.Tests.Torture;

/// <summary>
/// What a power cut leaves of a recorded folder. What an fsync of the same file covered is there. Of the other writes 45 % are lost, 20 %
/// end at some sector of 512 bytes, whatever came after them. Names (new, renamed, deleted) are sure once their folder was flushed; the
/// others are either kept up to a moment, as file systems with a journal do, or each by itself, which is the least that POSIX promises.
/// Disks that lie about flushing are not modelled.
/// </summary>
internal sealed class PowerCut
{
    private const int Root = 0;
    private const int Sector = 512;
    private readonly List<Step> _steps = [];
    private readonly List<Flush> _flushes = [];
    private readonly List<bool> _isFolder = [true];

    public PowerCut(IReadOnlyList<DiskCall> calls)
    {
        Calls = calls;
        var live = new Dictionary<(int Folder, string Name), int>();
        var open = new Dictionary<int, int>();
        var begun = new Dictionary<int, int>();
        for (var at = 0; at < calls.Count; at++)
        {
            Take(calls[at], at, live, open, begun);
        }
    }

    public IReadOnlyList<DiskCall> Calls { get; }

    /// <summary>What clients had got before this call.</summary>
    public IEnumerable<string> Acknowledged(int cut) => Calls.Take(cut).Where(call => call.Call == 'A').Select(call => call.Text);

    /// <summary>Writes into an empty folder what a cut before this call leaves.</summary>
    public void Leave(int cut, Random random, string folder)
    {
        var (sure, all) = Sure(cut);
        var names = Names(cut, random, random.Next(2) == 0 ? sure : null, all);
        var files = names.Values.Where(node => !_isFolder[node]).Distinct().ToDictionary(node => node, _ => new MemoryStream());
        foreach (var step in _steps.TakeWhile(step => step.At < cut).Where(step => step.IsContent && files.ContainsKey(step.Node)))
        {
            var isSure = step.At < sure.GetValueOrDefault(step.Node);
            Apply(step, files[step.Node], isSure ? 1 : random.NextDouble(), random);
        }

        Write(Root, folder, names, files, random);
    }

    private void Take(
        DiskCall call, int at, Dictionary<(int, string), int> live, Dictionary<int, int> open, Dictionary<int, int> begun)
    {
        switch (call.Call)
        {
            case 'o' when Place(call.Path, live) is { } place:
                if (place.Name.Length > 0 && !live.ContainsKey(place))
                {
                    Name(at, place, Node(isFolder: false), live);
                }

                open[call.File] = place.Name.Length == 0 ? Root : live[place];
                if (call.Offset != 0)
                {
                    _steps.Add(new Step(at, open[call.File], 0, default) { IsCut = true });
                }

                break;
            case 'w' when open.TryGetValue(call.File, out var node):
                _steps.Add(new Step(at, node, call.Offset, call.Data));
                break;
            case 't' when open.TryGetValue(call.File, out var node):
                _steps.Add(new Step(at, node, call.Offset, default) { IsCut = true });
                break;
            case 's':
                begun[call.File] = at;
                break;
            case 'S' when open.TryGetValue(call.File, out var node):
                _flushes.Add(new Flush(node, begun[call.File], at));
                break;
            case 'c':
                open.Remove(call.File);
                break;
            case 'm' when Place(call.Path, live) is { } place:
                Name(at, place, Node(isFolder: true), live);
                break;
            case 'u' when Place(call.Path, live) is { } place:
                Name(at, place, null, live);
                break;
            case 'r' or 'l' when Place(call.Path, live) is { } from && live.TryGetValue(from, out var node)
                && Place(call.Other, live) is { } to:
                Name(at, to, node, live, call.Call == 'r' ? from : null);
                break;
        }
    }

    private int Node(bool isFolder)
    {
        _isFolder.Add(isFolder);
        return _isFolder.Count - 1;
    }

    private void Name(
        int at, (int Folder, string Name) place, int? node, Dictionary<(int, string), int> live, (int Folder, string Name)? from = null)
    {
        if (from is { } old)
        {
            live.Remove(old);
        }

        if (node is { } there)
        {
            live[place] = there;
        }
        else if (!live.Remove(place))
        {
            return; // a socket, of which only the end is recorded
        }

        _steps.Add(new Step(at, node ?? -1, 0, default) { Place = place, From = from });
    }

    /// <summary>Null for a path in a folder that is not there.</summary>
    private static (int Folder, string Name)? Place(string path, Dictionary<(int, string), int> live)
    {
        var parts = path.Split('/');
        var folder = Root;
        foreach (var part in parts[..^1])
        {
            if (!live.TryGetValue((folder, part), out folder))
            {
                return null;
            }
        }

        return (folder, parts[^1]);
    }

    /// <summary>Up to where each file and folder is surely on disk, and the last of these moments.</summary>
    private (Dictionary<int, int> Of, int All) Sure(int cut)
    {
        var of = new Dictionary<int, int>();
        foreach (var flush in _flushes.Where(flush => flush.End < cut))
        {
            of[flush.Node] = Math.Max(of.GetValueOrDefault(flush.Node), flush.Begin);
        }

        return (of, of.Count == 0 ? 0 : of.Values.Max());
    }

    /// <param name="sure">Null for a file system with a journal.</param>
    private Dictionary<(int Folder, string Name), int> Names(int cut, Random random, Dictionary<int, int>? sure, int all)
    {
        var names = new Dictionary<(int, string), int>();
        var end = random.Next(all, cut + 1);
        foreach (var step in _steps.TakeWhile(step => step.At < cut).Where(step => !step.IsContent))
        {
            var stays = sure is null ? step.At < end : step.At < sure.GetValueOrDefault(step.Place!.Value.Folder) || random.Next(2) == 0;
            if (!stays)
            {
                continue;
            }

            if (step.From is { } from && names.GetValueOrDefault(from, -1) == step.Node)
            {
                names.Remove(from);
            }

            if (step.Node >= 0)
            {
                names[step.Place!.Value] = step.Node;
            }
            else
            {
                names.Remove(step.Place!.Value);
            }
        }

        return names;
    }

    private static void Apply(Step step, MemoryStream file, double luck, Random random)
    {
        if (luck < 0.45)
        {
            return;
        }

        if (step.IsCut)
        {
            file.SetLength(step.Offset);
            return;
        }

        var data = luck < 0.65 ? step.Data[..(random.Next(step.Data.Length + 1) / Sector * Sector)] : step.Data;
        file.Position = step.Offset;
        file.Write(data.Span);
    }

    private void Write(
        int folder, string path, Dictionary<(int Folder, string Name), int> names, Dictionary<int, MemoryStream> files, Random random)
    {
        foreach (var ((_, name), node) in names.Where(entry => entry.Key.Folder == folder))
        {
            var target = Path.Combine(path, name);
            if (_isFolder[node])
            {
                Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                Write(node, target, names, files, random);
                continue;
            }

            using var file = new FileStream(target, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            if (name.EndsWith("-shm", StringComparison.Ordinal))
            {
                var anything = new byte[random.Next(2) * 32_768]; // shared memory is on no disk: whatever was there
                random.NextBytes(anything);
                file.Write(anything);
                continue;
            }

            files[node].WriteTo(file);
        }
    }

    /// <param name="Node">The file or folder; -1 where a name is deleted.</param>
    private sealed record Step(int At, int Node, long Offset, ReadOnlyMemory<byte> Data)
    {
        public bool IsCut { get; init; }

        public (int Folder, string Name)? Place { get; init; }

        public (int Folder, string Name)? From { get; init; }

        public bool IsContent => Place is null;
    }

    private readonly record struct Flush(int Node, int Begin, int End);
}
