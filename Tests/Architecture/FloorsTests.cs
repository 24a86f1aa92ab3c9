using System.Reflection;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace AiChat.Tests.Architecture;

/// <summary>The floors of the house hold: no room refers to one above it, judged by what the compiler made of the sources.</summary>
public sealed partial class FloorsTests(ITestOutputHelper output)
{
    private const string PlantedRoot = "AiChat.Tests.Architecture.Planted.";

    private static readonly Assembly Tests = typeof(FloorsTests).Assembly;

    private static readonly List<Type> Product = [.. TypeReferences.Written(typeof(ServerOptions).Assembly)];

    private static readonly List<Type> Planted =
        [.. TypeReferences.Written(Tests).Where(type => type.FullName!.StartsWith(PlantedRoot, StringComparison.Ordinal))];

    private static readonly Floors ProductHouse = new("AiChat.", Floors.House);

    private static readonly Floors PlantedHouse = new(PlantedRoot, Floors.House);

    [Fact]
    public void A_room_refers_only_to_rooms_below_it()
    {
        foreach (var line in ProductHouse.Print(Product))
        {
            output.WriteLine(line);
        }

        var wrong = ProductHouse.Upwards(Product);
        foreach (var line in Report(wrong, int.MaxValue))
        {
            output.WriteLine(line);
        }

        Assert.True(wrong.Count == 0, string.Join('\n', Report(wrong, 60)));
    }

    [Fact]
    public void Every_type_stands_on_a_floor_and_every_floor_holds_a_type()
    {
        var gaps = ProductHouse.Gaps(Product).ToList();
        Assert.True(gaps.Count == 0, string.Join('\n', gaps));
    }

    /// <summary>A constant leaves no reference in the compiled code, but it needs a using, and the build refuses an unused one.</summary>
    [Fact]
    public void A_source_imports_only_rooms_below_it()
    {
        var root = Tests.GetCustomAttributes<AssemblyMetadataAttribute>().First(item => item.Key == "SourceRoot").Value!;
        var wrong =
            from file in new[] { "Commands", "Data", "Endpoints", "Providers" }
                .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories))
            let source = File.ReadAllText(file)
            let type = $"{Namespace().Match(source).Groups[1].Value}.{Path.GetFileNameWithoutExtension(file)}"
            from Match import in Import().Matches(source)
            let rooms = ProductHouse.Upwards(type, import.Groups[1].Value)
            where rooms is not null
            select $"{rooms}: {Path.GetRelativePath(root, file)} has {import.Value}";
        Assert.True(!wrong.Any(), string.Join('\n', wrong.Take(60)));
    }

    [Theory]
    [InlineData("Data may not refer to Data.Audit", "Data.Bottom.WrongFloor -> Data.Audit.Top")]
    [InlineData("Data may not refer to Providers.Transport", "Data.Bottom.WrongNeighbour -> Providers.Transport.Bottom")]
    [InlineData("Data may not refer to Endpoints.Chat", "Data.Bottom.WrongLayer -> Endpoints.Chat.Top")]
    [InlineData("Providers.Transport may not refer to Providers.Demo", "Providers.Transport.Bottom.WrongFloor -> Providers.Demo.Top")]
    [InlineData("Providers.Transport may not refer to Data", "Providers.Transport.Bottom.WrongNeighbour -> Data.Bottom")]
    [InlineData("Providers.Transport may not refer to Endpoints.Chat", "Providers.Transport.Bottom.WrongLayer -> Endpoints.Chat.Top")]
    [InlineData("Endpoints.Http may not refer to Endpoints.Chat", "Endpoints.Http.Bottom.WrongFloor -> Endpoints.Chat.Top")]
    [InlineData("Endpoints.Http may not refer to Commands", "Endpoints.Http.Bottom.WrongLayer -> Commands.Top")]
    public void A_planted_reference_upwards_is_found_by_both_names(string rooms, string reference)
    {
        var found = Assert.Single(PlantedHouse.Upwards(Planted)[rooms]);
        Assert.Equal(reference, found.ToString().Replace(PlantedRoot, ""));
    }

    [Fact]
    public void No_reference_downwards_or_inside_a_room_is_found() =>
        Assert.All(PlantedHouse.Upwards(Planted).SelectMany(rooms => rooms), found => Assert.StartsWith("Wrong", found.Member));

    [Fact]
    public void A_name_above_may_not_be_imported()
    {
        var (above, below) = ($"{PlantedRoot}Endpoints.Chat", $"{PlantedRoot}Endpoints.Http");
        Assert.Equal("Endpoints.Http may not refer to Endpoints.Chat", PlantedHouse.Upwards($"{below}.Any", above));
        Assert.Null(PlantedHouse.Upwards($"{above}.Any", below));
    }

    [Fact]
    public void A_namespace_without_a_floor_and_a_floor_without_a_type_are_found_by_name()
    {
        var gaps = PlantedHouse.Gaps(Planted).ToList();
        Assert.Contains($"{PlantedRoot}Attic is in no list of floors: {PlantedRoot}Attic.Forgotten", gaps);
        Assert.Contains($"{PlantedRoot}Endpoints.Auth is in the list of floors and holds no type", gaps);
        Assert.DoesNotContain($"{PlantedRoot}Endpoints.Chat is in the list of floors and holds no type", gaps);
    }

    [Theory]
    [InlineData(typeof(ByBase), "(declaration)")]
    [InlineData(typeof(IByInterface), "(declaration)")]
    [InlineData(typeof(ByConstraint<>), "(declaration)")]
    [InlineData(typeof(ByAttribute), "(declaration)")]
    [InlineData(typeof(ByField), "Held")]
    [InlineData(typeof(ByParameter), "Take")]
    [InlineData(typeof(ByParameterAttribute), "Take")]
    [InlineData(typeof(ByReturn), "Give")]
    [InlineData(typeof(ByCall), "Call")]
    [InlineData(typeof(ByLocal), "Keep")]
    [InlineData(typeof(ByCatch), "Parse")]
    [InlineData(typeof(ByConstructor), "Make")]
    [InlineData(typeof(ByStaticField), "Read")]
    [InlineData(typeof(ByCast), "Cast")]
    [InlineData(typeof(ByTypeOf), "Token")]
    [InlineData(typeof(ByTypeArgument), "Empty")]
    [InlineData(typeof(ByLambda), "Later")]
    [InlineData(typeof(ByLocalFunction), "Call")]
    [InlineData(typeof(ByIterator), "Walk")]
    [InlineData(typeof(ByAwait), "Wait")]
    [InlineData(typeof(ByNestedType), "Call")]
    public void Whatever_the_compiler_writes_of_a_reference_is_found(Type type, string member)
    {
        var found = TypeReferences.From(type).Where(reference => reference.To == typeof(Referred)).ToList();
        Assert.Contains(found, reference => reference.Member == member && TypeReferences.Outermost(reference.From) == type);
    }

    [Fact]
    public void A_type_of_one_file_is_a_type_of_its_room()
    {
        var type = Assert.Single(TypeReferences.Written(Tests), type => type.Name.EndsWith("__ByOneFile", StringComparison.Ordinal));
        Assert.Contains(TypeReferences.From(type), reference => reference is { Member: "Call" } && reference.To == typeof(Referred));
    }

    [Fact]
    public void Types_of_generators_are_no_types_of_a_room() =>
        Assert.DoesNotContain(Product, type => type.Namespace is null or "Dapper.AOT" or "Microsoft.AspNetCore.Http.Generated");

    /// <summary>Rooms with the most wrong references first; of each pair of types one member, as many lines as fit.</summary>
    private static IEnumerable<string> Report(ILookup<string, TypeReference> wrong, int lines)
    {
        var each = Math.Max(1, (lines / Math.Max(1, wrong.Count)) - 2);
        var all = wrong.OrderByDescending(rooms => rooms.Count()).SelectMany(rooms =>
        {
            var pairs = rooms.GroupBy(reference => (reference.From, reference.To)).ToList();
            var shown =
                from pair in pairs.Take(each)
                let others = pair.Count() - 1
                select $"  {pair.First()}{(others > 0 ? $" and in {others} more members" : "")}";
            var rest = pairs.Count > each ? [$"  and {pairs.Count - each} more pairs of types"] : Array.Empty<string>();
            return shown.Prepend($"{rooms.Key}: {pairs.Count} pairs of types").Concat(rest);
        }).ToList();
        return all.Count > lines ? all.Take(lines - 1).Append($"and {all.Count - lines + 1} more lines in the output of the test") : all;
    }

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using (?:static |\w+ = )?(AiChat[\w.]*);", RegexOptions.Multiline)]
    private static partial Regex Import();
}
